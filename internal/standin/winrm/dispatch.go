package winrm

import (
	"bytes"
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// dispatch performs an understood operation. ctx ends with the connection.
func (s *Server) dispatch(ctx context.Context, user string, m *message) (*reply, error) {
	if m.operation == "Create" {
		return s.create(user, m)
	}
	sh, err := s.shell(user, m.shellID)
	if err != nil {
		return nil, err
	}
	switch m.operation {
	case "Command":
		return s.command(sh, m)
	case "Send":
		return s.send(ctx, sh, m)
	case "Receive":
		return s.receive(ctx, sh, m)
	case "Signal":
		return s.signal(sh, m)
	default:
		return s.delete(sh)
	}
}

func (s *Server) create(user string, m *message) (*reply, error) {
	b := m.body.Shell
	if b == nil {
		return nil, faultSchema("Create needs rsp:Shell in its body")
	}
	if in := strings.TrimSpace(b.Input); in != "" && in != "stdin" {
		return nil, faultInputStream(in)
	}
	codePage := 0
	if cp, ok := m.options["WINRS_CODEPAGE"]; ok {
		n, err := strconv.Atoi(cp)
		if err != nil {
			return nil, faultSchema("WINRS_CODEPAGE " + strconv.Quote(cp) + " is no number")
		}
		codePage = n
	}
	env := map[string]string{}
	for _, v := range b.Environment.Variables {
		env[v.Name] = v.Value
	}
	sh, err := s.addShell(user, strings.ToUpper(strings.TrimSpace(b.ID)))
	if err != nil {
		return nil, err
	}
	sh.directory, sh.environment, sh.codePage = b.Directory, env, codePage

	var out bytes.Buffer
	out.WriteString(`<x:ResourceCreated><a:Address>` + anonymous + `</a:Address><a:ReferenceParameters><w:ResourceURI>` + resourceCmdShell + `</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">`)
	escape(&out, sh.id)
	out.WriteString(`</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>`)
	escape(&out, sh.id)
	out.WriteString(`</rsp:ShellId><rsp:ResourceUri>` + resourceCmdShell + `</rsp:ResourceUri><rsp:Owner>`)
	escape(&out, user)
	out.WriteString(`</rsp:Owner><rsp:ClientIP>0.0.0.0</rsp:ClientIP><rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime><rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>`)
	return &reply{action: nsTransfer + "/CreateResponse", body: out.Bytes()}, nil
}

func (s *Server) command(sh *shell, m *message) (*reply, error) {
	b := m.body.Command
	if b == nil || b.Command == "" {
		return nil, faultSchema("Command needs rsp:CommandLine with rsp:Command in its body")
	}
	flag := func(name string) bool { return strings.EqualFold(m.options[name], "TRUE") || m.options[name] == "1" }
	// Windows' default for the two options is FALSE: pipe mode, run by cmd.exe (MS-WSMV, Command options).
	p := &process{
		id:      strings.ToUpper(strings.TrimSpace(b.ID)),
		console: flag("WINRS_CONSOLEMODE_STDIN"),
	}
	line := strings.Join(append([]string{b.Command}, b.Arguments...), " ")
	if err := s.startProcess(sh, p, line, flag("WINRS_SKIP_CMD_SHELL")); err != nil {
		return nil, err
	}
	return &reply{action: nsShell + "/CommandResponse", body: []byte(`<rsp:CommandResponse><rsp:CommandId>` + p.id + `</rsp:CommandId></rsp:CommandResponse>`)}, nil
}

func (s *Server) send(ctx context.Context, sh *shell, m *message) (*reply, error) {
	b := m.body.Send
	if b == nil || len(b.Streams) == 0 {
		return nil, faultSchema("Send needs rsp:Stream in its body")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(m))
	defer cancel()
	for _, st := range b.Streams {
		if st.Name != "stdin" {
			return nil, faultInputStream(st.Name)
		}
		p, err := sh.process(st.CommandID)
		if err != nil {
			return nil, err
		}
		if p.console {
			return nil, faultConsoleStdin()
		}
		data, err := decodeBase64(m.bulk.text(st.Data))
		if err != nil {
			return nil, faultSchema("rsp:Stream is not base64: " + err.Error())
		}
		if err := p.stdin.put(ctx, data, st.End); err != nil {
			return nil, err
		}
	}
	return &reply{action: nsShell + "/SendResponse", body: []byte(`<rsp:SendResponse></rsp:SendResponse>`)}, nil
}

// decodeBase64 decodes without the copy that base64.DecodeString makes; white
// space within is allowed, as xs:base64Binary allows it.
func decodeBase64(text []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		clean := bytes.Join(bytes.Fields(text), nil)
		n, err = base64.StdEncoding.Decode(out, clean)
	}
	return out[:n], err
}

func (s *Server) receive(ctx context.Context, sh *shell, m *message) (*reply, error) {
	b := m.body.Receive
	if b == nil {
		return nil, faultSchema("Receive needs rsp:DesiredStream in its body")
	}
	want := map[string]bool{}
	for _, n := range strings.Fields(b.Desired.Names) {
		if n != "stdout" && n != "stderr" {
			return nil, faultDesiredStreams(b.Desired.Names)
		}
		want[n] = true
	}
	if len(want) == 0 {
		return nil, faultDesiredStreams(b.Desired.Names)
	}
	p, err := sh.process(b.Desired.CommandID)
	if err != nil {
		return nil, err
	}
	limit := s.quotas.EnvelopeBytes
	if m.maxAnswer > 0 {
		limit = min(limit, m.maxAnswer)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(m))
	defer cancel()
	got, err := p.take(ctx, want, (limit-4096)/4*3)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(`<rsp:ReceiveResponse>`)
	id := ` CommandId="` + p.id + `"`
	for _, c := range got.chunks {
		out.WriteString(`<rsp:Stream Name="` + c.name + `"` + id + `>`)
		enc := base64.NewEncoder(base64.StdEncoding, &out)
		_, _ = enc.Write(c.data)
		_ = enc.Close()
		out.WriteString(`</rsp:Stream>`)
	}
	if got.done {
		for _, n := range []string{"stdout", "stderr"} {
			if want[n] {
				out.WriteString(`<rsp:Stream Name="` + n + `"` + id + ` End="true"></rsp:Stream>`)
			}
		}
		out.WriteString(`<rsp:CommandState` + id + ` State="` + stateDone + `"><rsp:ExitCode>` + strconv.FormatInt(int64(int32(got.exit)), 10) + `</rsp:ExitCode></rsp:CommandState>`)
	} else {
		out.WriteString(`<rsp:CommandState` + id + ` State="` + stateRunning + `"></rsp:CommandState>`)
	}
	out.WriteString(`</rsp:ReceiveResponse>`)
	return &reply{action: nsShell + "/ReceiveResponse", body: out.Bytes()}, nil
}

func (s *Server) signal(sh *shell, m *message) (*reply, error) {
	b := m.body.Signal
	if b == nil {
		return nil, faultSchema("Signal needs rsp:Signal in its body")
	}
	p, err := sh.process(b.CommandID)
	if err != nil {
		return nil, err
	}
	// MS-WSMV writes Terminate, masterzen/winrm and pywinrm write terminate:
	// both are known to work with Windows.
	switch code := strings.TrimSpace(b.Code); strings.ToLower(code) {
	case signalTerminate:
		p.end()
		sh.forget(p)
	case signalCtrlC, signalCtrlBreak:
		p.end()
	default:
		return nil, faultSchema("the signal " + strconv.Quote(code) + " is unknown")
	}
	return &reply{action: nsShell + "/SignalResponse", body: []byte(`<rsp:SignalResponse></rsp:SignalResponse>`)}, nil
}

func (s *Server) delete(sh *shell) (*reply, error) {
	s.mu.Lock()
	delete(s.shells, sh.id)
	s.mu.Unlock()
	sh.close()
	return &reply{action: nsTransfer + "/DeleteResponse"}, nil
}

// timeout is the operation's own, cut to MaxTimeoutms, which also serves the
// client that names none.
func (s *Server) timeout(m *message) time.Duration {
	if m.timeout == 0 || m.timeout > s.quotas.MaxTimeout {
		return s.quotas.MaxTimeout
	}
	return m.timeout
}
