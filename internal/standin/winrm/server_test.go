package winrm

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// caller posts hand-written envelopes to a handler.
type caller struct {
	t    *testing.T
	s    *Server
	user string
	pass string
}

func newCaller(t *testing.T, cfg Config) *caller {
	t.Helper()
	if cfg.Start == nil {
		cfg.Start = func(ctx context.Context, p Process) int {
			switch {
			case p.CommandLine == "hang":
				<-ctx.Done()
			case strings.HasPrefix(p.CommandLine, "cat"):
				_, _ = io.Copy(p.Stdout, p.Stdin)
			default:
				fmt.Fprint(p.Stdout, p.CommandLine)
			}
			return 0
		}
	}
	if cfg.Authenticate == nil {
		cfg.Authenticate = func(_, password string) bool { return password == "right" }
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &caller{t: t, s: s, user: "Administrator", pass: "right"}
}

func (c *caller) raw(method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if c.user != "" {
		r.SetBasicAuth(c.user, c.pass)
	}
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, r)
	return w
}

func (c *caller) post(envelope string) (status int, body string) {
	w := c.raw("POST", "/wsman", "application/soap+xml;charset=UTF-8", envelope)
	return w.Code, w.Body.String()
}

// held is how long a Receive may be held: longer than a busy host needs to start
// a process.
const held = "PT30S"

// soap builds a good envelope; tests then spoil it.
func soap(operation, shell, options, body string) string {
	action := ""
	for a, name := range operations {
		if name == operation {
			action = a
		}
	}
	selectors := ""
	if shell != "" {
		selectors = `<w:SelectorSet><w:Selector Name="ShellId">` + shell + `</w:Selector></w:SelectorSet>`
	}
	return `<e:Envelope xmlns:e="` + nsSOAP + `" xmlns:a="` + nsAddressing + `" xmlns:w="` + nsWSMan + `" xmlns:rsp="` + nsShell + `"><e:Header><a:To>http://x/wsman</a:To><a:ReplyTo><a:Address>` + anonymous + `</a:Address></a:ReplyTo><w:MaxEnvelopeSize e:mustUnderstand="true">153600</w:MaxEnvelopeSize><w:OperationTimeout>` + held + `</w:OperationTimeout><a:MessageID>uuid:1</a:MessageID><a:Action>` + action + `</a:Action><w:ResourceURI>` + resourceCmdShell + `</w:ResourceURI>` + selectors + `<w:OptionSet>` + options + `</w:OptionSet></e:Header><e:Body>` + body + `</e:Body></e:Envelope>`
}

const createBody = `<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>`

func commandBodyOf(line string) string {
	return `<rsp:CommandLine><rsp:Command>` + line + `</rsp:Command></rsp:CommandLine>`
}

func receiveBodyOf(command string) string {
	return `<rsp:Receive><rsp:DesiredStream CommandId="` + command + `">stdout stderr</rsp:DesiredStream></rsp:Receive>`
}

func sendBodyOf(command, data string) string {
	return `<rsp:Send><rsp:Stream Name="stdin" CommandId="` + command + `" End="true">` + base64.StdEncoding.EncodeToString([]byte(data)) + `</rsp:Stream></rsp:Send>`
}

func find(t *testing.T, pattern, body string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no %s in %s", pattern, body)
	}
	return m[1]
}

func (c *caller) shell() string {
	c.t.Helper()
	status, body := c.post(soap("Create", "", "", createBody))
	if status != 200 {
		c.t.Fatalf("Create: %d %s", status, body)
	}
	return find(c.t, `<rsp:ShellId>([^<]+)`, body)
}

func (c *caller) command(shell, line, options string) string {
	c.t.Helper()
	status, body := c.post(soap("Command", shell, options, commandBodyOf(line)))
	if status != 200 {
		c.t.Fatalf("Command: %d %s", status, body)
	}
	return find(c.t, `<rsp:CommandId>([^<]+)`, body)
}

func (c *caller) wantFault(envelope, code string) {
	c.t.Helper()
	status, body := c.post(envelope)
	if status != 500 || !strings.Contains(body, `Code="`+code+`"`) {
		c.t.Errorf("got %d %s, want fault %s", status, body, code)
	}
}

func TestRefusals(t *testing.T) {
	c := newCaller(t, Config{})
	good := soap("Create", "", "", createBody)
	for _, tc := range []struct{ name, envelope, code string }{
		{"no XML", "hello", "2150858817"},
		{"SOAP 1.1", strings.ReplaceAll(good, nsSOAP, "http://schemas.xmlsoap.org/soap/envelope/"), "2150858817"},
		{"no message id", strings.Replace(good, "<a:MessageID>uuid:1</a:MessageID>", "", 1), "2150858769"},
		{"unknown action", strings.Replace(good, "transfer/Create", "transfer/Get", 1), "2150858753"},
		{"another resource", strings.Replace(good, resourceCmdShell, "http://schemas.microsoft.com/powershell/Microsoft.PowerShell", 1), "2150858811"},
		{"a header that must be understood", strings.Replace(good, "</e:Header>", `<w:Frobnicate e:mustUnderstand="true"/></e:Header>`, 1), "2150858768"},
		{"a time-out that is none", strings.Replace(good, held, "soon", 1), "2150858817"},
		{"unknown shell", soap("Command", "NONE", "", commandBodyOf("x")), "2150858843"},
		{"shell without a body", soap("Create", "", "", ""), "2150858817"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.t = t
			c.wantFault(tc.envelope, tc.code)
		})
	}
	c.t = t
	if shells, _ := c.s.Open(); shells != 0 {
		t.Errorf("%d shells were made", shells)
	}
	for _, tc := range []struct {
		method, path, kind string
		want               int
	}{
		{"GET", "/wsman", "application/soap+xml", 405},
		{"POST", "/other", "application/soap+xml", 404},
		{"POST", "/wsman", "text/xml", 415},
		{"POST", "/wsman", "application/soap+xml;charset=UTF-16", 415},
	} {
		if w := c.raw(tc.method, tc.path, tc.kind, good); w.Code != tc.want {
			t.Errorf("%s %s as %s: %d, want %d", tc.method, tc.path, tc.kind, w.Code, tc.want)
		}
	}
	c.user = ""
	if w := c.raw("POST", "/wsman", "application/soap+xml", good); w.Code != 401 || len(w.Header().Values("WWW-Authenticate")) == 0 {
		t.Errorf("without credentials: %d", w.Code)
	}
}

func TestCommandLifeCycle(t *testing.T) {
	c := newCaller(t, Config{})
	sh := c.shell()

	t.Run("nothing to say yet, then signalled", func(t *testing.T) {
		c.t = t
		id := c.command(sh, "hang", "")
		began := time.Now()
		c.wantFault(strings.Replace(soap("Receive", sh, "", receiveBodyOf(id)), held, "PT0.2S", 1), "2150858793")
		if took := time.Since(began); took < 200*time.Millisecond || took > 20*time.Second {
			t.Errorf("the Receive was held for %s, want 200 ms", took)
		}
		status, body := c.post(soap("Signal", sh, "", `<rsp:Signal CommandId="`+id+`"><rsp:Code>`+signalTerminate+`</rsp:Code></rsp:Signal>`))
		if status != 200 || !strings.Contains(body, "SignalResponse") {
			t.Errorf("Signal: %d %s", status, body)
		}
		c.wantFault(soap("Receive", sh, "", receiveBodyOf(id)), "2147942487")
	})
	t.Run("stdin in console mode is refused", func(t *testing.T) {
		c.t = t
		id := c.command(sh, "cat", `<w:Option Name="WINRS_CONSOLEMODE_STDIN">TRUE</w:Option>`)
		c.wantFault(soap("Send", sh, "", sendBodyOf(id, "x")), "2147942487")
	})
	t.Run("stdin to its end, and not after", func(t *testing.T) {
		c.t = t
		id := c.command(sh, "cat", `<w:Option Name="WINRS_CONSOLEMODE_STDIN">FALSE</w:Option>`)
		if status, body := c.post(soap("Send", sh, "", sendBodyOf(id, "한국어"))); status != 200 {
			t.Fatalf("Send: %d %s", status, body)
		}
		c.wantFault(soap("Send", sh, "", sendBodyOf(id, "more")), "2147942632")
		var out string
		for range 3 {
			status, body := c.post(soap("Receive", sh, "", receiveBodyOf(id)))
			if status != 200 {
				t.Fatalf("Receive: %d %s", status, body)
			}
			for _, m := range regexp.MustCompile(`Name="stdout"[^>]*>([^<]+)<`).FindAllStringSubmatch(body, -1) {
				raw, _ := base64.StdEncoding.DecodeString(m[1])
				out += string(raw)
			}
			if strings.Contains(body, stateDone) {
				break
			}
		}
		if out != "한국어" {
			t.Errorf("got %q", out)
		}
		c.wantFault(soap("Receive", sh, "", receiveBodyOf(id)), "2147942487")
	})
	t.Run("answers stay within MaxEnvelopeSize", func(t *testing.T) {
		c.t = t
		id := c.command(sh, strings.Repeat("y", 400_000), "")
		var total int
		for done := false; !done; {
			_, body := c.post(soap("Receive", sh, "", receiveBodyOf(id)))
			if len(body) > 153600 {
				t.Fatalf("an answer has %d bytes", len(body))
			}
			for _, m := range regexp.MustCompile(`Name="stdout"[^>]*>([^<]+)<`).FindAllStringSubmatch(body, -1) {
				raw, _ := base64.StdEncoding.DecodeString(m[1])
				total += len(raw)
			}
			done = strings.Contains(body, stateDone)
		}
		if total != 400_000 {
			t.Errorf("%d bytes", total)
		}
	})
	t.Run("another user's shell is not there", func(t *testing.T) {
		c.t = t
		other := *c
		other.user = "Guest"
		other.wantFault(soap("Command", sh, "", commandBodyOf("x")), "2150858843")
	})
	c.t = t
	if status, body := c.post(soap("Delete", sh, "", "")); status != 200 {
		t.Errorf("Delete: %d %s", status, body)
	}
	c.wantFault(soap("Delete", sh, "", ""), "2150858843")
	if shells, processes := c.s.Open(); shells+processes != 0 {
		t.Errorf("%d shells, %d processes are left", shells, processes)
	}
}

func TestQuotas(t *testing.T) {
	c := newCaller(t, Config{})
	var shells []string
	for range 30 {
		shells = append(shells, c.shell())
	}
	c.wantFault(soap("Create", "", "", createBody), "2150859173")
	for range 25 {
		c.command(shells[0], "x", "")
	}
	c.wantFault(soap("Command", shells[0], "", commandBodyOf("x")), "2150859241")
	c.wantFault(soap("Send", shells[0], "", sendBodyOf("x", strings.Repeat("z", 400_000))), "2150858824")

	few := newCaller(t, Config{Quotas: Quotas{OperationsPerUser: 1}})
	sh := few.shell()
	id := few.command(sh, "hang", "")
	ended := make(chan struct{})
	go func() { defer close(ended); few.post(soap("Receive", sh, "", receiveBodyOf(id))) }()
	for under := 0; under == 0; time.Sleep(time.Millisecond) {
		few.s.mu.Lock()
		for _, n := range few.s.operations {
			under += n
		}
		few.s.mu.Unlock()
	}
	few.wantFault(soap("Create", "", "", createBody), "2150859174")
	_ = few.s.Close() // ends the Receive
	<-ended
}

// KB5020282: ten refused logons lock the account for ten minutes, also for
// the right password.
func TestLockout(t *testing.T) {
	c := newCaller(t, Config{})
	now := time.Now()
	c.s.accounts.now = func() time.Time { return now }
	try := func(password string) int {
		c.pass = password
		status, _ := c.post(soap("Create", "", "", createBody))
		return status
	}
	for range 9 {
		try("wrong")
	}
	if try("right") != 200 {
		t.Fatal("nine refusals locked it")
	}
	for range 10 {
		try("wrong")
	}
	if try("right") != 401 || !c.s.Locked("administrator") {
		t.Fatal("ten refusals did not lock it")
	}
	now = now.Add(9 * time.Minute)
	if try("right") != 401 {
		t.Error("open after nine minutes")
	}
	now = now.Add(2 * time.Minute)
	if try("right") != 200 {
		t.Error("locked after eleven minutes")
	}
}

// A client that offers HTTP/2 alone is not served: the transport must not.
func TestServeSpeaksHTTP11Only(t *testing.T) {
	cert, err := SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, Config{Certificate: cert})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.s.Serve(l) }()
	for offer, want := range map[string]bool{"http/1.1": true, "h2": false} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{offer}})
		if (err == nil) != want {
			t.Errorf("ALPN %s: %v", offer, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	req, _ := http.NewRequest(http.MethodPost, "https://"+l.Addr().String()+"/wsman", strings.NewReader(soap("Create", "", "", createBody)))
	req.Header.Set("Content-Type", "application/soap+xml")
	req.SetBasicAuth("Administrator", "right")
	res, err := tr.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
}

func TestLift(t *testing.T) {
	long := strings.Repeat("QUJD", 2000)
	small, b := lift([]byte(`<a><Stream>` + long + `</Stream><c>short</c><x:Stream Name="stdin">` + long + `==</x:Stream></a>`))
	if len(small) > 130 || len(b.runs) != 2 || !bytes.Equal(b.text("\ue0001"), []byte(long+"==")) || string(b.text("short")) != "short" {
		t.Errorf("%s, %d runs", small, len(b.runs))
	}
	kept := []byte(`<a><Stream>` + strings.Repeat("no base64! ", 1000) + `</Stream><Command>` + long + `</Command></a>`)
	if small, b := lift(kept); !bytes.Equal(small, kept) || len(b.runs) != 0 {
		t.Error("text was lifted")
	}
}

// The stand-in guest is one static Linux program: what it imports stays small.
func TestImportsStaySmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./console").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range strings.Fields(string(out)) {
		if strings.Contains(path, ".") && !strings.HasPrefix(path, "github.com/wintemplate/") && !strings.Contains(path, "golang.org/x/") && strings.Contains(strings.Split(path, "/")[0], ".") {
			t.Errorf("console imports %s", path)
		}
	}
}
