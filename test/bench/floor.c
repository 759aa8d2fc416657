/* The floors of the bench: what an access costs without guard, check or JavaScript. A shared object. */
#include <stdint.h>

uint32_t plain_read32(uint64_t at)
{
	return *(const volatile uint32_t *)at;
}

void plain_write32(uint64_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

uint32_t loop_read32(uint64_t at, uint64_t times)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < times; i++)
		sum += *(const volatile uint32_t *)at;
	return sum;
}

void loop_write32(uint64_t at, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++)
		*(volatile uint32_t *)at = (uint32_t)i;
}

void plain_block32(uint64_t at, uint32_t *into, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		into[i] = ((const volatile uint32_t *)at)[i];
}
