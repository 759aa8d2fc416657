"""Jupyter's own conformance tests of a kernel, every sample given, and what they leave out."""
import time
import unittest

import jupyter_kernel_test
from jupyter_kernel_test import TIMEOUT


class VfiolabKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "vfiolab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oops')"
    completion_samples = [
        {"text": "Math.flo", "matches": {"floor"}},
        {"text": "open('sim:edu').busM", "matches": {"busMaster"}},
    ]
    complete_code_samples = ["1 + 1", "const a = 1", "function f() { return 1 }", "await f()", ""]
    incomplete_code_samples = ["function f() {", "`abc", "(1 +", "/* x", "for (const x of [1]) {\n  x;"]
    invalid_code_samples = ["const = 3", "1 +* 2", "}"]
    code_generate_error = "throw new Error('x')"
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": "'a' + 'b'", "result": "'ab'"},
        {"code": "hexdump(new Uint8Array(2))", "mime": "text/html"},
    ]
    code_display_data = [
        {"code": "await display({ 'text/html': '<b>x</b>' })", "mime": "text/html"},
        {"code": "await display(hexdump(new Uint8Array(4)))", "mime": "text/plain"},
    ]
    code_history_pattern = "1?+?2"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Math.floor"
    code_clear_output = "clearOutput()"

    def test_pager(self):
        """Nothing pages: `payload` is deprecated."""

    def run_cell(self, code):
        self.flush_channels()
        return self.execute_helper(code, timeout=60)

    def test_error_content(self):
        reply, outputs = self.run_cell("const text: string = 1")
        self.assertEqual(reply["content"]["ename"], "TypeScriptError")
        self.assertIn("TS2322", "\n".join(outputs[0]["content"]["traceback"]))
        self.assertEqual(outputs[0]["content"]["evalue"], reply["content"]["evalue"])

    def test_update_display_data(self):
        _, outputs = self.run_cell(
            "const shown = await display({ 'text/plain': 'one' }, { id: 'here' }); await shown.update({ 'text/plain': 'two' })"
        )
        self.assertEqual([each["msg_type"] for each in outputs], ["display_data", "update_display_data"])
        for each in outputs:
            self.assertEqual(each["content"]["transient"], {"display_id": "here"})

    def test_user_expressions(self):
        self.flush_channels()
        self.kc.execute("const n = 2", user_expressions={"twice": "2 * n", "wrong": "nothing"})
        content = self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]
        self.assertEqual(content["user_expressions"]["twice"]["data"], {"text/plain": "4"})
        self.assertEqual(content["user_expressions"]["wrong"]["status"], "error")

    def test_stop_on_error(self):
        self.flush_channels()
        self.kc.execute("await new Promise((r) => setTimeout(r, 300)); throw new Error('stop')")
        self.kc.execute("'never'")
        self.kc.execute("'never'")
        replies = [self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]["status"] for _ in range(3)]
        self.assertEqual(replies, ["error", "aborted", "aborted"])
        self.flush_channels()
        self.kc.execute("throw new Error('go on')", stop_on_error=False)
        self.kc.execute("1")
        replies = [self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]["status"] for _ in range(2)]
        self.assertEqual(replies, ["error", "ok"])

    def test_interrupt(self):
        for code in ["await new Promise(() => {})", "while (true) {}", "await 1; /(a+)+b/.test('a'.repeat(40))"]:
            with self.subTest(code=code):
                self.flush_channels()
                self.kc.execute(code)
                time.sleep(0.5)
                self.km.interrupt_kernel()
                reply = self.get_non_kernel_info_reply(timeout=TIMEOUT)
                self.assertEqual(reply["content"]["ename"], "KeyboardInterrupt")
        reply, _ = self.run_cell("1")
        self.assertEqual(reply["content"]["status"], "ok")

    def test_heartbeat_and_info_while_busy(self):
        self.flush_channels()
        self.kc.execute("const until = Date.now() + 3000; while (Date.now() < until);")
        self.kc.hb_channel.unpause()
        self.assertTrue(self.kc.is_alive())
        started = time.time()
        self.kc.kernel_info()
        self.assertEqual(self.kc.get_shell_msg(timeout=TIMEOUT)["msg_type"], "kernel_info_reply")
        self.assertLess(time.time() - started, 2)
        self.assertEqual(self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]["status"], "ok")

    def test_comm_info(self):
        self.flush_channels()
        msg = self.kc.session.msg("comm_open", {"comm_id": "one", "target_name": "vfiolab.view", "data": {}})
        self.kc.shell_channel.send(msg)
        self.kc.comm_info()
        content = self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]
        self.assertEqual(content["comms"], {"one": {"target_name": "vfiolab.view"}})
        self.flush_channels()
        self.kc.execute("hexdump(new Uint8Array(1))")
        self.get_non_kernel_info_reply(timeout=TIMEOUT)
        outputs = []
        while not outputs or outputs[-1]["msg_type"] != "execute_result":
            outputs.append(self.kc.get_iopub_msg(timeout=TIMEOUT))
        self.assertEqual(outputs[-2]["msg_type"], "comm_msg")
        self.assertEqual(set(outputs[-2]["content"]["data"]), {"title", "head", "rows"})
        self.kc.shell_channel.send(self.kc.session.msg("comm_close", {"comm_id": "one", "data": {}}))
        self.kc.comm_info()
        self.assertEqual(self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]["comms"], {})

    def test_input(self):
        asked = []

        def answer(message):
            asked.append(message["content"])
            self.kc.input("Ada")

        code = "const name = await input('name '); [name, await input('word ', { password: true })].join()"
        outputs = []
        reply = self.kc.execute_interactive(
            code, allow_stdin=True, stdin_hook=answer, output_hook=outputs.append, timeout=TIMEOUT
        )
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertEqual(asked, [{"prompt": "name ", "password": False}, {"prompt": "word ", "password": True}])
        results = [each["content"]["data"] for each in outputs if each["msg_type"] == "execute_result"]
        self.assertEqual(results, [{"text/plain": "'Ada,Ada'"}])
        reply = self.kc.execute_interactive("await input()", allow_stdin=False, output_hook=outputs.append, timeout=TIMEOUT)
        self.assertEqual(reply["content"]["evalue"], "input: this front end takes no input")

    def test_comms_both_ways(self):
        def next_comm():
            while True:
                message = self.kc.get_iopub_msg(timeout=TIMEOUT)
                if message["msg_type"].startswith("comm_"):
                    return message["msg_type"], message["content"]

        self.flush_channels()
        self.kc.execute(
            "const mine = comms.open('there', { a: 1 }); mine.onMessage = (data) => mine.send({ back: data });"
            " comms.target('here', (comm, data) => comm.send({ got: data }))"
        )
        type, opened = next_comm()
        self.assertEqual((type, opened["target_name"], opened["data"]), ("comm_open", "there", {"a": 1}))
        self.assertEqual(self.get_non_kernel_info_reply(timeout=TIMEOUT)["content"]["status"], "ok")
        id = opened["comm_id"]

        def sent(type, content):
            self.flush_channels()
            self.kc.shell_channel.send(self.kc.session.msg(type, content))
            return next_comm()

        self.assertEqual(sent("comm_msg", {"comm_id": id, "data": {"n": 2}})[1], {"comm_id": id, "data": {"back": {"n": 2}}})
        self.assertEqual(sent("comm_open", {"comm_id": "x", "target_name": "here", "data": {"b": 3}})[1]["data"], {"got": {"b": 3}})
        self.assertEqual(sent("comm_open", {"comm_id": "y", "target_name": "nobody", "data": {}})[0], "comm_close")
        for each in (id, "x"):
            self.kc.shell_channel.send(self.kc.session.msg("comm_close", {"comm_id": each, "data": {}}))

    def test_silent(self):
        self.flush_channels()
        before = self.run_cell("1")[0]["content"]["execution_count"]
        self.flush_channels()
        reply, outputs = self.execute_helper("console.log('x'); 1", silent=True)
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertEqual(outputs, [])
        self.assertEqual(self.run_cell("1")[0]["content"]["execution_count"], before + 1)

    def test_restart(self):
        self.run_cell("const before = 1")
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=60)
        reply, _ = self.run_cell("before")
        self.assertEqual(reply["content"]["ename"], "TypeScriptError")
        self.assertEqual(reply["content"]["execution_count"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
