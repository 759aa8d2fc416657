/*
 * js.node: what reaches into JavaScript: a call from Node's event loop while an fd is readable, and memory as an ArrayBuffer.
 *
 * A thread may be ended at any moment: Node then lets no JavaScript run any more, but turns the event loop until its own handles
 * are closed. So nothing that Node-API does is taken for granted here (koffi does, and aborts the process): what it refuses is left, and
 * a watch closed when Node finalizes its object, before the loop goes.
 *
 * Node-API and libuv, declared by hand as far as they are used: no headers are needed to build it, one file serves every Node. Built by
 * build.mjs, loaded by lib/native.ts alone. Ref: nodejs.org/api/n-api.html; docs.libuv.org/en/v1.x/poll.html
 */
#define PUBLIC __attribute__((visibility("default")))

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_scope__ *napi_handle_scope;
typedef struct napi_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
typedef void (*napi_finalize)(napi_env, void *data, void *hint);
typedef enum { napi_ok, napi_pending_exception = 10 } napi_status;
typedef enum { napi_null = 1 } napi_valuetype;
typedef struct {
	const char *name;
	napi_value symbol;
	napi_callback method, getter, setter;
	napi_value value;
	int attributes;
	void *data;
} napi_property_descriptor;

napi_status napi_get_cb_info(napi_env, napi_callback_info, unsigned long *count, napi_value *, napi_value *self, void **);
napi_status napi_get_value_int32(napi_env, napi_value, int *);
napi_status napi_get_value_int64(napi_env, napi_value, long *);
napi_status napi_create_external_arraybuffer(napi_env, void *, unsigned long size, napi_finalize, void *hint, napi_value *);
napi_status napi_create_function(napi_env, const char *name, unsigned long length, napi_callback, void *data, napi_value *);
napi_status napi_set_named_property(napi_env, napi_value, const char *name, napi_value);
napi_status napi_get_global(napi_env, napi_value *);
napi_status napi_typeof(napi_env, napi_value, napi_valuetype *);
napi_status napi_throw_error(napi_env, const char *code, const char *message);
napi_status napi_define_class(napi_env, const char *name, unsigned long length, napi_callback constructor, void *data,
			      unsigned long count, const napi_property_descriptor *, napi_value *);
napi_status napi_wrap(napi_env, napi_value, void *, napi_finalize, void *hint, napi_ref *);
napi_status napi_unwrap(napi_env, napi_value, void **);
napi_status napi_remove_wrap(napi_env, napi_value, void **);
napi_status napi_create_reference(napi_env, napi_value, unsigned int count, napi_ref *);
napi_status napi_delete_reference(napi_env, napi_ref);
napi_status napi_get_reference_value(napi_env, napi_ref, napi_value *);
napi_status napi_open_handle_scope(napi_env, napi_handle_scope *);
napi_status napi_close_handle_scope(napi_env, napi_handle_scope);
napi_status napi_make_callback(napi_env, void *context, napi_value self, napi_value, unsigned long count, const napi_value *,
			       napi_value *);
napi_status napi_get_and_clear_last_exception(napi_env, napi_value *);
napi_status napi_fatal_exception(napi_env, napi_value);
napi_status napi_get_uv_event_loop(napi_env, void **);

enum { UV_READABLE = 1, UV_POLL = 8 };
unsigned long uv_handle_size(int type);
int uv_poll_init(void *loop, void *handle, int fd);
int uv_poll_start(void *handle, int events, void (*)(void *handle, int status, int events));
int uv_poll_stop(void *handle);
void uv_close(void *handle, void (*)(void *handle));
void uv_ref(void *handle);
void uv_unref(void *handle);
const char *uv_err_name(int);
const char *uv_strerror(int);

void *calloc(unsigned long, unsigned long);
void free(void *);

/* libuv's handle, which begins with a pointer for its user, and what is ours behind it. */
struct watch {
	napi_env env;
	napi_ref callback;
	void *handle;
};

static struct watch *watch_of(void *handle)
{
	return *(struct watch **)handle;
}

static void on_closed(void *handle)
{
	free(watch_of(handle));
	free(handle);
}

static void end(struct watch *watch)
{
	napi_delete_reference(watch->env, watch->callback);
	uv_close(watch->handle, on_closed);
}

static void on_finalize(napi_env env, void *watch, void *hint)
{
	(void)env;
	(void)hint;
	end(watch);
}

static void on_readable(void *handle, int status, int events)
{
	const napi_env env = watch_of(handle)->env;
	napi_handle_scope scope;
	napi_value self, callback, error;
	napi_valuetype type;

	(void)status;
	(void)events;
	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	/* The callback may close the watch. */
	if (napi_get_reference_value(env, watch_of(handle)->callback, &callback) == napi_ok &&
	    napi_get_global(env, &self) == napi_ok &&
	    napi_make_callback(env, 0, self, callback, 0, 0, 0) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &error) == napi_ok &&
	    /* null: terminated, as an interrupted cell is. */
	    napi_typeof(env, error, &type) == napi_ok && type != napi_null)
		napi_fatal_exception(env, error);
	napi_close_handle_scope(env, scope);
}

/* 0: this is no watch, or closed. */
static struct watch *this_watch(napi_env env, napi_callback_info info, napi_value *argument)
{
	napi_value self;
	unsigned long count = 1;
	void *watch;

	if (napi_get_cb_info(env, info, &count, argument, &self, 0) == napi_ok && napi_unwrap(env, self, &watch) == napi_ok)
		return watch;
	return 0;
}

static napi_value start(napi_env env, napi_callback_info info)
{
	napi_value callback;
	napi_ref before;
	struct watch *watch = this_watch(env, info, &callback);

	if (!watch)
		return 0;
	before = watch->callback;
	if (napi_create_reference(env, callback, 1, &watch->callback) != napi_ok)
		return 0;
	napi_delete_reference(env, before);
	uv_poll_start(watch->handle, UV_READABLE, on_readable);
	return 0;
}

#define METHOD(name, act)                                                                                              \
	static napi_value name(napi_env env, napi_callback_info info)                                                  \
	{                                                                                                              \
		napi_value none;                                                                                       \
		struct watch *watch = this_watch(env, info, &none);                                                    \
		if (watch)                                                                                             \
			act(watch->handle);                                                                            \
		return 0;                                                                                              \
	}
METHOD(stop, uv_poll_stop)
METHOD(ref, uv_ref)
METHOD(unref, uv_unref)

static napi_value close(napi_env env, napi_callback_info info)
{
	napi_value self;
	unsigned long count = 0;
	void *watch;

	if (napi_get_cb_info(env, info, &count, 0, &self, 0) == napi_ok && napi_remove_wrap(env, self, &watch) == napi_ok)
		end(watch);
	return 0;
}

/* new Poll(fd, callback): started. */
static napi_value construct(napi_env env, napi_callback_info info)
{
	napi_value self, arguments[2];
	unsigned long count = 2;
	void *loop;
	int fd, failed;
	struct watch *watch = calloc(1, sizeof *watch);
	void **handle = calloc(1, uv_handle_size(UV_POLL));

	if (!watch || !handle || napi_get_cb_info(env, info, &count, arguments, &self, 0) != napi_ok ||
	    napi_get_value_int32(env, arguments[0], &fd) != napi_ok || napi_get_uv_event_loop(env, &loop) != napi_ok ||
	    napi_create_reference(env, arguments[1], 1, &watch->callback) != napi_ok)
		goto none;
	failed = uv_poll_init(loop, handle, fd);
	if (failed) {
		napi_delete_reference(env, watch->callback);
		napi_throw_error(env, uv_err_name(failed), uv_strerror(failed));
		goto none;
	}
	*handle = watch;
	watch->env = env;
	watch->handle = handle;
	/* Refused: this thread is being ended. */
	if (napi_wrap(env, self, watch, on_finalize, 0, 0) != napi_ok)
		end(watch);
	else
		uv_poll_start(handle, UV_READABLE, on_readable);
	return self;
none:
	free(watch);
	free(handle);
	return 0;
}

/* view(at, size): that memory, which nothing keeps. */
static napi_value view(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], buffer = 0;
	unsigned long count = 2;
	long at, size;

	if (napi_get_cb_info(env, info, &count, arguments, 0, 0) == napi_ok &&
	    napi_get_value_int64(env, arguments[0], &at) == napi_ok && napi_get_value_int64(env, arguments[1], &size) == napi_ok &&
	    napi_create_external_arraybuffer(env, (void *)at, (unsigned long)size, 0, 0, &buffer) == napi_ok)
		return buffer;
	/* Left where there is an exception already. */
	napi_throw_error(env, 0, "no ArrayBuffer over this memory");
	return 0;
}

/* What Node calls in each thread that loads it. */
PUBLIC napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	const napi_property_descriptor methods[] = {
		{.name = "start", .method = start}, {.name = "stop", .method = stop},	{.name = "ref", .method = ref},
		{.name = "unref", .method = unref}, {.name = "close", .method = close},
	};
	napi_value value;

	if (napi_define_class(env, "Poll", 4, construct, 0, sizeof methods / sizeof *methods, methods, &value) == napi_ok)
		napi_set_named_property(env, exports, "Poll", value);
	if (napi_create_function(env, "view", 4, view, 0, &value) == napi_ok)
		napi_set_named_property(env, exports, "view", value);
	return exports;
}
