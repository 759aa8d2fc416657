/** Where Node can (22.1 and later), compiled modules are kept between starts. Imported first, for its effect. */
import module from 'node:module';

(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
