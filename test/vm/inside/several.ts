/** In the guest: several files of tests in one process, one after the other: `node several.js NAME…`. To start one takes seconds there. */
for (const name of process.argv.slice(2)) await import(`./${name}.js`);
