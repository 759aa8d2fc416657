/*
 * mmio.so: exact-width accesses to mapped device memory, each guarded against its own fault.
 *
 * An access is one labelled instruction. The section `guards` lists every label with the place to go on at if that very
 * instruction raises SIGBUS or SIGSEGV; the signal handler moves the pc there and nothing else. Any other fault goes to
 * whatever handled the signal before.
 *
 * Freestanding: no libc, no headers of the target, so that one file loads on glibc and musl and cross-compiles with a
 * bare compiler. Built by build.mjs, called by lib/native.ts alone.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
_Static_assert(sizeof(u64) == 8, "a 64-bit target is needed");

#define PUBLIC __attribute__((visibility("default")))

/* One entry of the guard table. Both are relative to themselves, so that the table needs no relocation. */
struct guard {
	int access;
	int landing;
};
extern const struct guard __start_guards[] __attribute__((visibility("hidden")));
extern const struct guard __stop_guards[] __attribute__((visibility("hidden")));

/* Label 1 is the access, 2 what follows it, 3 the landing: it says so in %[fault] and goes on at 2. */
#define GUARDED(access, set_fault, jump)                                                                               \
	"1:	" access "\n"                                                                                          \
	"2:\n"                                                                                                         \
	".pushsection .text.landing, \"ax\", %%progbits\n"                                                             \
	"3:	" set_fault "\n"                                                                                       \
	"	" jump " 2b\n"                                                                                         \
	".popsection\n"                                                                                                \
	".pushsection guards, \"a\", %%progbits\n"                                                                      \
	"	.balign 4\n"                                                                                           \
	"	.long 1b - .\n"                                                                                        \
	"	.long 3b - .\n"                                                                                        \
	".popsection\n"

#if defined(__x86_64__)
#define GUARD(access) GUARDED(access, "movl $1, %k[fault]", "jmp")
#define LOAD_8 GUARD("movzbl %[at], %k[value]")
#define LOAD_16 GUARD("movzwl %[at], %k[value]")
#define LOAD_32 GUARD("movl %[at], %k[value]")
#define LOAD_64 GUARD("movq %[at], %q[value]")
#define STORE_8 GUARD("movb %b[value], %[at]")
#define STORE_16 GUARD("movw %w[value], %[at]")
#define STORE_32 GUARD("movl %k[value], %[at]")
#define STORE_64 GUARD("movq %q[value], %[at]")
#define AT "m"
/* Uncached accesses are strongly ordered: nothing to add. */
#define AFTER_LOAD ""
#define BEFORE_STORE ""
#elif defined(__aarch64__)
#define GUARD(access) GUARDED(access, "mov %w[fault], #1", "b")
#define LOAD_8 GUARD("ldrb %w[value], %[at]")
#define LOAD_16 GUARD("ldrh %w[value], %[at]")
#define LOAD_32 GUARD("ldr %w[value], %[at]")
#define LOAD_64 GUARD("ldr %x[value], %[at]")
#define STORE_8 GUARD("strb %w[value], %[at]")
#define STORE_16 GUARD("strh %w[value], %[at]")
#define STORE_32 GUARD("str %w[value], %[at]")
#define STORE_64 GUARD("str %x[value], %[at]")
/* A base register and no offset: every width takes that form. */
#define AT "Q"
/* As Linux's readl and writel: DMA memory is seen in order with the register. */
#define AFTER_LOAD "dmb oshld"
#define BEFORE_STORE "dmb oshst"
#else
#error "mmio.c knows x86-64 and aarch64"
#endif

#define ACCESSORS(bits)                                                                                                \
	static inline u##bits load##bits(u64 at, int *fault)                                                           \
	{                                                                                                              \
		u64 value = 0;                                                                                         \
		int failed = 0;                                                                                        \
		__asm__ volatile(LOAD_##bits                                                                           \
				 : [value] "+r"(value), [fault] "+r"(failed)                                           \
				 : [at] AT(*(const volatile u##bits *)at)                                              \
				 : "memory");                                                                          \
		__asm__ volatile(AFTER_LOAD ::: "memory");                                                             \
		*fault = failed;                                                                                       \
		return (u##bits)value;                                                                                 \
	}                                                                                                              \
	static inline int store##bits(u64 at, u##bits value)                                                           \
	{                                                                                                              \
		int failed = 0;                                                                                        \
		__asm__ volatile(BEFORE_STORE ::: "memory");                                                           \
		/* An input only: GCC may neither read nor write it on its own account. */                             \
		__asm__ volatile(STORE_##bits                                                                          \
				 : [fault] "+r"(failed)                                                                \
				 : [at] AT(*(volatile u##bits *)at), [value] "r"(value)                                \
				 : "memory");                                                                          \
		return failed;                                                                                         \
	}                                                                                                              \
	/* A plain buffer of JavaScript's may lie at any address. */                                                   \
	struct plain##bits {                                                                                           \
		u##bits value;                                                                                         \
	} __attribute__((packed, may_alias));                                                                          \
	PUBLIC u64 read_block##bits(u64 at, void *into, u64 count)                                                     \
	{                                                                                                              \
		struct plain##bits *to = into;                                                                         \
		for (u64 i = 0; i < count; i++) {                                                                      \
			int fault;                                                                                     \
			u##bits value = load##bits(at + i * (bits / 8), &fault);                                       \
			if (fault)                                                                                     \
				return i;                                                                              \
			to[i].value = value;                                                                           \
		}                                                                                                      \
		return count;                                                                                          \
	}                                                                                                              \
	PUBLIC u64 write_block##bits(u64 at, const void *from, u64 count)                                              \
	{                                                                                                              \
		const struct plain##bits *source = from;                                                               \
		for (u64 i = 0; i < count; i++)                                                                        \
			if (store##bits(at + i * (bits / 8), source[i].value))                                         \
				return i;                                                                              \
		return count;                                                                                          \
	}                                                                                                              \
	PUBLIC _Bool write##bits(u64 at, u##bits value)                                                                  \
	{                                                                                                              \
		return store##bits(at, value);                                                                         \
	}

ACCESSORS(8)
ACCESSORS(16)
ACCESSORS(32)
ACCESSORS(64)

/* Up to 32 bits a fault is the one value that no register has: -1 in 64 bits. */
#define READER(bits)                                                                                                   \
	PUBLIC i64 read##bits(u64 at)                                                                                  \
	{                                                                                                              \
		int fault;                                                                                             \
		u64 value = load##bits(at, &fault);                                                                    \
		return fault ? -1 : (i64)value;                                                                        \
	}
READER(8)
READER(16)
READER(32)

/* 64 bits leave no room: the value goes to *into, the result says whether there was one. */
PUBLIC _Bool read64(u64 at, u64 into)
{
	int fault;
	*(u64 *)into = load64(at, &fault);
	return fault;
}

/* --- the signals ------------------------------------------------------------------------------------------------- */

enum { SIGINT = 2, SIGABRT = 6, SIGBUS = 7, SIGSEGV = 11 };
#define SA_SIGINFO 0x00000004ul
#define SA_RESTORER 0x04000000ul
#define SA_ONSTACK 0x08000000ul
#define SA_RESTART 0x10000000ul
#define SA_NODEFER 0x40000000ul
#define SA_RESETHAND 0x80000000ul

/* The kernel's own struct sigaction (not libc's), the same on both. Ref: asm-generic/signal.h */
struct action {
	void (*handler)(int, void *, void *);
	u64 flags;
	void (*restorer)(void);
	u64 mask;
};

#if defined(__x86_64__)
enum { RT_SIGACTION = 13, GETTID = 186, GETPID = 39, TGKILL = 234, READ = 0, WRITE = 1, IOCTL = 16, NANOSLEEP = 35 };
/* uc_mcontext.gregs[REG_RIP]. Ref: asm/sigcontext.h */
#define PC_OFFSET (40 + 16 * 8)
#define RESTORER_FLAG SA_RESTORER
__asm__(".pushsection .text\n"
	".hidden restore_rt\n"
	"restore_rt:\n"
	"	movl $15, %eax\n"
	"	syscall\n"
	".popsection\n");
void restore_rt(void) __attribute__((visibility("hidden")));
#define RESTORER restore_rt

static i64 syscall4(i64 number, i64 a, i64 b, i64 c, i64 d)
{
	i64 result;
	register i64 r10 __asm__("r10") = d;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}
#else
enum { RT_SIGACTION = 134, GETTID = 178, GETPID = 172, TGKILL = 131, READ = 63, WRITE = 64, IOCTL = 29, NANOSLEEP = 101 };
/* uc_mcontext is at 176: fault_address, regs[31], sp, pc. Ref: arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h */
#define PC_OFFSET (176 + 8 + 31 * 8 + 8)
/* The kernel returns through its vdso. */
#define RESTORER_FLAG 0
#define RESTORER 0

static i64 syscall4(i64 number, i64 a, i64 b, i64 c, i64 d)
{
	register i64 x8 __asm__("x8") = number;
	register i64 x0 __asm__("x0") = a;
	register i64 x1 __asm__("x1") = b;
	register i64 x2 __asm__("x2") = c;
	register i64 x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#endif

static i64 sigaction(int signal, const struct action *set, struct action *old)
{
	return syscall4(RT_SIGACTION, signal, (i64)set, (i64)old, sizeof(u64));
}

static void by_default(int signal)
{
	const struct action fallback = {0, RESTORER_FLAG, RESTORER, 0};
	sigaction(signal, &fallback, 0);
}

/* To this thread: it has it when the handler returns. */
static void send_again(int signal)
{
	syscall4(TGKILL, syscall4(GETPID, 0, 0, 0, 0), syscall4(GETTID, 0, 0, 0, 0), signal, 0);
}

/* What each signal did before. */
static struct action before_bus, before_segv;

/* The fault is not ours: whoever had the signal before gets it. */
static void pass_on(int signal, void *info, void *context)
{
	struct action *before = signal == SIGBUS ? &before_bus : &before_segv;
	u64 handler = (u64)before->handler;
	int sent = ((int *)info)[2] <= 0; /* si_code: by kill(), not by an access */

	if (handler > 1) {
		struct action now = *before;
		if (now.flags & SA_RESETHAND)
			before->handler = 0;
		now.handler(signal, info, context);
		return;
	}
	if (handler == 1 && sent)
		return;
	/* The default again: the access faults anew and the process dies of it. A signal that was sent is sent again. */
	by_default(signal);
	if (sent)
		send_again(signal);
}

static void on_fault(int signal, void *info, void *context)
{
	u64 *pc = (u64 *)((u8 *)context + PC_OFFSET);

	for (const struct guard *entry = __start_guards; entry < __stop_guards; entry++)
		if ((u64)&entry->access + (i64)entry->access == *pc) {
			*pc = (u64)&entry->landing + (i64)entry->landing;
			return;
		}
	pass_on(signal, info, context);
}

/*
 * Takes SIGBUS and SIGSEGV. The loader runs it, once a process, however many threads load this file; the file stays
 * loaded for good (-z nodelete).
 */
__attribute__((constructor)) void guard(void)
{
	static const struct {
		int signal;
		struct action *before;
	} taken[] = {{SIGBUS, &before_bus}, {SIGSEGV, &before_segv}};

	for (u64 i = 0; i < 2; i++) {
		/* No mask and NODEFER: going on at another pc leaves no signal blocked. */
		const struct action ours = {on_fault, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | RESTORER_FLAG, RESTORER, 0};
		/* Known before ours can run. */
		sigaction(taken[i].signal, 0, taken[i].before);
		sigaction(taken[i].signal, &ours, 0);
	}
}

/* --- SIGINT ------------------------------------------------------------------------------------------------------ */

static int interrupts = -1;

static void on_interrupt(int signal, void *info, void *context)
{
	u64 one = 1;

	(void)signal;
	(void)info;
	(void)context;
	syscall4(WRITE, interrupts, (i64)&one, sizeof(one), 0);
}

/* From now on each SIGINT is counted by this eventfd, at once: Node hears it only when JavaScript is at rest. */
PUBLIC i64 interrupts_to(int fd)
{
	const struct action ours = {on_interrupt, SA_SIGINFO | SA_ONSTACK | SA_RESTART | RESTORER_FLAG, RESTORER, 0};

	interrupts = fd;
	return sigaction(SIGINT, &ours, 0);
}

/* --- SIGABRT ----------------------------------------------------------------------------------------------------- */

#define FIONREAD 0x541b
/* How long the other threads live on, in nanoseconds: the one that reads passes on what it has in hand. */
#define LINGER 300000000l

static int words_from = -1, words_to = -1;

static void on_abort(int signal, void *info, void *context)
{
	const i64 linger[2] = {0, LINGER};
	u8 words[1024];
	int left = 0;

	(void)info;
	(void)context;
	syscall4(NANOSLEEP, (i64)linger, 0, 0, 0);
	while (syscall4(IOCTL, words_from, FIONREAD, (i64)&left, 0) == 0 && left > 0) {
		i64 count = syscall4(READ, words_from, (i64)words, sizeof(words), 0);
		if (count <= 0)
			break;
		syscall4(WRITE, words_to, (i64)words, count, 0);
	}
	by_default(signal);
	send_again(signal);
}

/* Of a process that aborts, what lies in the pipe `from` then goes to `to`: its reader dies with it. */
PUBLIC i64 last_words(int from, int to)
{
	const struct action ours = {on_abort, SA_SIGINFO | SA_ONSTACK | RESTORER_FLAG, RESTORER, 0};

	words_from = from;
	words_to = to;
	return sigaction(SIGABRT, &ours, 0);
}
