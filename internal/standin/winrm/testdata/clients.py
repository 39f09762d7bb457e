"""Drives a WinRM server with other people's clients: pywinrm and pypsrp.

Arguments: host, port. The password comes on standard input, so that it is on
no command line. Prints one JSON object: client -> check -> what was seen.
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")  # the certificate is nobody's

USER = "Administrator"
STDIN = ("0123456789abcde\n" * 20000).encode()  # several Sends


def pywinrm(host, port, password):
    import winrm
    from winrm.exceptions import InvalidCredentialsError, WSManFaultError
    from winrm.protocol import Protocol

    def protocol(password):
        return Protocol(
            endpoint="https://%s:%s/wsman" % (host, port),
            transport="basic",
            username=USER,
            password=password,
            server_cert_validation="ignore",
            operation_timeout_sec=1,
            read_timeout_sec=10,
        )

    p = protocol(password)
    seen = {}

    def run(name, command, arguments=(), stdin=None):
        shell = p.open_shell(codepage=65001)
        try:
            cid = p.run_command(shell, command, arguments, console_mode_stdin=stdin is None)
            try:
                for i in range(0, len(stdin or b""), 100000):
                    part = stdin[i:i + 100000]
                    p.send_command_input(shell, cid, part, end=i + 100000 >= len(stdin))
                out, err, code = p.get_command_output(shell, cid)
                seen[name] = [out.decode(), err.decode(), code]
            finally:
                p.cleanup_command(shell, cid)
        finally:
            p.close_shell(shell)

    run("echo", "echo", ["a", "<b>", "\ud55c\uad6d\uc5b4"])
    run("fail", "fail", ["no"])
    run("silent", "sleep", ["2500ms", "done"])
    run("stdin", "count", stdin=STDIN)
    run("spew", "spew", ["600000"])
    seen["spew"] = len(seen["spew"][0])

    shell = p.open_shell()
    try:
        cid = p.run_command(shell, "cat", console_mode_stdin=True)
        try:
            p.send_command_input(shell, cid, b"x")
            seen["console stdin"] = "accepted"
        except WSManFaultError as e:
            seen["console stdin"] = e.wsman_fault_code
        p.cleanup_command(shell, cid)
    finally:
        p.close_shell(shell)
    try:
        p.run_command(shell, "echo", ["x"])
        seen["closed shell"] = "accepted"
    except WSManFaultError as e:
        seen["closed shell"] = e.wsman_fault_code
    try:
        protocol("wrong").open_shell()
        seen["wrong password"] = "accepted"
    except InvalidCredentialsError:
        seen["wrong password"] = "refused"
    s = winrm.Session("https://%s:%s/wsman" % (host, port), auth=(USER, password), transport="basic", server_cert_validation="ignore")
    r = s.run_ps('Write-Output "from $env:COMPUTERNAME"')
    seen["powershell"] = [r.std_out.decode(), r.status_code]
    return seen


def pypsrp(host, port, password):
    from pypsrp.exceptions import AuthenticationError, WSManFaultError
    from pypsrp.shell import Process, SignalCode, WinRS
    from pypsrp.wsman import WSMan

    def connection(password):
        return WSMan(host, port=int(port), username=USER, password=password, ssl=True, auth="basic", cert_validation=False, operation_timeout=1, read_timeout=10)

    w = connection(password)
    seen = {}

    def run(name, command, arguments=(), stdin=None):
        with WinRS(w, codepage=65001, environment={"COLOUR": "blue"}, working_directory="C:\\Windows") as shell:
            proc = Process(shell, command, list(arguments))
            if stdin is None:
                proc.invoke()
            else:
                proc.begin_invoke()
                for i in range(0, len(stdin), 100000):
                    proc.send(stdin[i:i + 100000], end=i + 100000 >= len(stdin))
                proc.end_invoke()
            proc.signal(SignalCode.CTRL_C)
            seen[name] = [proc.stdout.decode(), proc.stderr.decode(), proc.rc]

    run("echo", "echo", ["a", "<b>", "\ud55c\uad6d\uc5b4"])
    run("fail", "fail", ["no"])
    run("silent", "sleep", ["2500ms", "done"])
    run("stdin", "count", stdin=STDIN)
    run("spew", "spew", ["600000"])
    seen["spew"] = len(seen["spew"][0])
    with WinRS(w) as shell:
        proc = Process(shell, "hang")
        proc.begin_invoke()
        proc.signal(SignalCode.TERMINATE)
    try:
        Process(shell, "echo", ["x"]).invoke()
        seen["closed shell"] = "accepted"
    except WSManFaultError as e:
        seen["closed shell"] = e.code
    try:
        with WinRS(connection("wrong")):
            seen["wrong password"] = "accepted"
    except AuthenticationError:
        seen["wrong password"] = "refused"
    return seen


if __name__ == "__main__":
    host, port = sys.argv[1:]
    password = sys.stdin.read()
    json.dump({"pywinrm": pywinrm(host, port, password), "pypsrp": pypsrp(host, port, password)}, sys.stdout)
