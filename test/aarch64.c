/*
 * Faults on purpose through mmio.so on aarch64: the test's other half of test/native.test.ts, with neither node nor libc.
 * Exit code 0 when all held, else the number of the line that did not. With an argument: a fault that is not the guard's.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

i64 read8(u64 at);
i64 read16(u64 at);
i64 read32(u64 at);
_Bool read64(u64 at, u64 into);
_Bool write8(u64 at, u8 value);
_Bool write16(u64 at, u16 value);
_Bool write32(u64 at, u32 value);
_Bool write64(u64 at, u64 value);
u64 read_block8(u64 at, void *into, u64 count);
u64 read_block16(u64 at, void *into, u64 count);
u64 read_block32(u64 at, void *into, u64 count);
u64 read_block64(u64 at, void *into, u64 count);
u64 write_block8(u64 at, const void *from, u64 count);
u64 write_block16(u64 at, const void *from, u64 count);
u64 write_block32(u64 at, const void *from, u64 count);
u64 write_block64(u64 at, const void *from, u64 count);

enum { PAGE = 4096, MEMFD_CREATE = 279, FTRUNCATE = 46, MMAP = 222, EXIT = 93 };

static i64 call(i64 number, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	register i64 x8 __asm__("x8") = number;
	register i64 x0 __asm__("x0") = a;
	register i64 x1 __asm__("x1") = b;
	register i64 x2 __asm__("x2") = c;
	register i64 x3 __asm__("x3") = d;
	register i64 x4 __asm__("x4") = e;
	register i64 x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#define HOLDS(condition)                                                                                               \
	if (!(condition))                                                                                              \
	call(EXIT, __LINE__ & 0xff ? __LINE__ & 0xff : 1, 0, 0, 0, 0, 0)

static void faults(u64 at)
{
	u64 block[2] = {0x1111111111111111, 0x2222222222222222}, value;

	HOLDS(read8(at) == -1 && read16(at) == -1 && read32(at) == -1 && read64(at, (u64)&value));
	HOLDS(write8(at, 1) && write16(at, 1) && write32(at, 1) && write64(at, 1));
	HOLDS(!read_block8(at, block, 16) && !read_block16(at, block, 8) && !read_block32(at, block, 4));
	HOLDS(!read_block64(at, block, 2) && block[0] == 0x1111111111111111);
	HOLDS(!write_block8(at, block, 16) && !write_block16(at, block, 8) && !write_block32(at, block, 4));
	HOLDS(!write_block64(at, block, 2));
}

__attribute__((used)) static void start(i64 *stack)
{
	i64 argc = stack[0];
	/* Two pages over a file of one: the second is a SIGBUS. */
	i64 fd = call(MEMFD_CREATE, (i64) "half", 0, 0, 0, 0, 0);
	HOLDS(fd >= 0 && call(FTRUNCATE, fd, PAGE, 0, 0, 0, 0) == 0);
	u64 at = call(MMAP, 0, 2 * PAGE, 3, 1, fd, 0);
	/* A page that may not be touched: a SIGSEGV. */
	u64 none = call(MMAP, 0, PAGE, 0, 0x22, -1, 0);
	HOLDS((i64)at > 0 && (i64)none > 0);
	volatile u8 *memory = (u8 *)at;
	u64 value, into[4] = {0};

	HOLDS(!write64(at, 0x8877665544332211) && memory[0] == 0x11 && memory[7] == 0x88);
	HOLDS(read8(at) == 0x11 && read16(at) == 0x2211 && read32(at + 4) == 0x88776655);
	HOLDS(!read64(at, (u64)&value) && value == 0x8877665544332211);
	HOLDS(!write8(at + 1, 0xff) && !write16(at + 2, 0xfffe) && !write32(at + 4, 0xffffffff));
	HOLDS(!read64(at, (u64)&value) && value == 0xfffffffffffeff11 && read32(at + 4) == 0xffffffff);
	/* Exactly as wide as said: across the edge nothing is written, up to it everything works. */
	HOLDS(!write16(at + PAGE - 2, 0x1234) && write32(at + PAGE - 2, 0xffffffff) && read16(at + PAGE - 2) == 0x1234);
	HOLDS(read32(at + PAGE - 2) == -1);
	HOLDS(read_block16(at + PAGE - 4, into, 16) == 2 && into[0] == 0x1234000000000000 >> 32);
	HOLDS(write_block8(at + PAGE - 3, "abcdef", 6) == 3 && memory[PAGE - 1] == 'c');
	HOLDS(read_block32(at, (u8 *)into + 1, 2) == 2 && *((u8 *)into + 1) == 0x11);
	HOLDS(write_block64(at + 64, into, 4) == 4 && write_block32(at + 64, into, 8) == 8 && write_block16(at, into, 4) == 4);
	HOLDS(read_block8(at + 64, into, 8) == 8 && read_block64(at + 64, into, 4) == 4);

	/* 16 each time. */
	for (int i = 0; i < 10000 / 16; i++)
		faults(at + PAGE);
	for (int i = 0; i < 10000 / 16; i++)
		faults(none);
	if (argc == 2)
		memory[PAGE] = 1;
	if (argc == 3)
		*(volatile u8 *)none = 1;
	call(EXIT, 0, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n"
	"_start:	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl start\n");
