/** The ways to a card that this kernel has: the group always, iommufd where it was built in. */
import { existsSync } from 'node:fs';
import test from 'node:test';

export const IOMMUFD: boolean = existsSync('/dev/iommu');
export const PATHS: readonly ('group' | 'iommufd')[] = IOMMUFD ? ['group', 'iommufd'] : ['group'];

if (!IOMMUFD) test('by way of iommufd', { skip: 'this kernel has no iommufd: npm run vm:kernel builds one that has' });
