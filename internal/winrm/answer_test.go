package winrm

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What Windows sends, in shape as pywinrm's and pypsrp's tests keep it.
const (
	windowsTimeout = `<s:Envelope xml:lang="ko-KR" xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" xmlns:e="http://schemas.xmlsoap.org/ws/2004/08/eventing" xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</a:Action><a:MessageID>uuid:348D9DCE-B762-4EDB-AB99-4B6A3EC2A74F</a:MessageID><a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To><a:RelatesTo>uuid:1</a:RelatesTo></s:Header><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="ko-KR">WS-Management 서비스에서 지정된 시간 내에 작업을 완료할 수 없습니다. </s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858793" Machine="host"><f:Message>WS-Management 서비스에서 지정된 시간 내에 작업을 완료할 수 없습니다. </f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`
	providerFault  = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</a:Action></s:Header><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">The service is configured to not accept any remote shell requests. </s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858778" Machine="h"><f:Message><f:ProviderFault provider="Shell cmd plugin" path="%systemroot%\system32\winrscmd.dll"><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2147942421" Machine="h"><f:Message>The device is not ready. </f:Message></f:WSManFault></f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`
	bareFault      = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>busy</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`
)

// answering returns an exchange with a server that gives one fixed answer.
func answering(t *testing.T, status int, kind, body string) *exchange {
	t.Helper()
	ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Location", "https://elsewhere/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(ts.Close)
	u, err := url.Parse(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	c := New(Endpoint{Host: u.Hostname(), Port: port, User: "u", Password: "p", Pin: PinOf(ts.Certificate().Raw)}, WithLimits(Limits{AnswerBytes: 10_000}))
	return c.exchange
}

func TestAnswers(t *testing.T) {
	const soap = "application/soap+xml;charset=UTF-8"
	for _, tc := range []struct {
		name, kind, body string
		status           int
		code             uint32
		says             []string
		transient        bool
		timeout          bool
	}{
		{name: "time-out in Korean", status: 500, kind: soap, body: windowsTimeout, code: CodeOperationTimeout, says: []string{"OperationTimeout", "TimedOut", "지정된 시간"}, timeout: true},
		{name: "the provider's fault counts", status: 500, kind: soap, body: providerFault, code: CodeNotReady, says: []string{"device is not ready", "0x80070015"}, transient: true},
		{name: "a fault without a code", status: 500, kind: soap, body: bareFault, says: []string{"busy", "Receiver"}},
		{name: "a fault called 200", status: 200, kind: soap, body: windowsTimeout, code: CodeOperationTimeout, says: []string{"HTTP 200"}, timeout: true},
		{name: "http.sys without WinRM", status: 503, kind: "text/html; charset=us-ascii", body: "<HTML><TITLE>Service Unavailable</TITLE></HTML>", says: []string{"503", "Service Unavailable"}, transient: true},
		{name: "a web server", status: 200, kind: "text/html", body: "<html>It works!</html>", says: []string{"text/html", "It works!", "HTTPS listener"}},
		{name: "a redirect", status: 307, kind: "text/html", body: "", says: []string{"307"}},
		{name: "too large", status: 200, kind: soap, body: strings.Repeat("x", 10_001), says: []string{"larger than 10000"}},
		{name: "another answer", status: 200, kind: soap, body: strings.ReplaceAll(strings.ReplaceAll(bareFault, "Fault>", "Hello>"), "<s:Header/>", `<s:Header><a:Action xmlns:a="x">urn:hello</a:Action></s:Header>`), says: []string{"urn:hello"}},
		{name: "empty", status: 200, kind: soap, body: "", says: []string{"empty body"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := answering(t, tc.status, tc.kind, tc.body).post(t.Context(), opReceive, []byte("<x/>"))
			if err == nil {
				t.Fatal("no error")
			}
			for _, s := range tc.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q is not in: %v", s, err)
				}
			}
			var f *Fault
			if errors.As(err, &f) != (tc.code != 0 || tc.body == bareFault) || f != nil && f.Code != tc.code {
				t.Errorf("fault %+v, want code %d", f, tc.code)
			}
			if IsTransient(err) != tc.transient || errors.Is(err, ErrOperationTimeout) != tc.timeout {
				t.Errorf("transient %v, time-out %v: %v", IsTransient(err), errors.Is(err, ErrOperationTimeout), err)
			}
		})
	}
}

func TestOperationTimeoutIsRewritten(t *testing.T) {
	const body = `<env:Body><rsp:Command><![CDATA[echo <w:OperationTimeout>PT9S</w:OperationTimeout>]]></rsp:Command></env:Body>`
	for name, header := range map[string]string{
		"half an hour": `<w:OperationTimeout>PT30M</w:OperationTimeout><a:Action>x</a:Action>`,
		"none":         `<a:Action>x</a:Action>`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withOperationTimeout(`<env:Envelope><env:Header>`+header+`</env:Header>`+body+`</env:Envelope>`, 20*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(got, "<w:OperationTimeout>PT20S</w:OperationTimeout>") != 1 || strings.Contains(got, "PT30M") || !strings.Contains(got, body) {
				t.Errorf("got %s", got)
			}
			if i := strings.Index(got, "PT20S"); i > strings.Index(got, "</env:Header>") {
				t.Errorf("not in the header: %s", got)
			}
		})
	}
	if _, err := withOperationTimeout("<x/>", time.Second); err == nil {
		t.Error("no header, no error")
	}
}

func TestExitCodes(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "3010": 3010, "-1": -1, "4294967295": -1, "3221225477": -1073741819} {
		out, err := readOutput([]byte(`<s:Envelope xmlns:s="s"><s:Body><r:ReceiveResponse xmlns:r="r"><r:CommandState State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"><r:ExitCode>` + text + `</r:ExitCode></r:CommandState></r:ReceiveResponse></s:Body></s:Envelope>`))
		if err != nil || !out.done || out.exit != want {
			t.Errorf("%s: %+v, %v; want %d", text, out, err, want)
		}
	}
	if _, err := readOutput([]byte(`<e><Body><ReceiveResponse><CommandState State="x/CommandState/Done"/></ReceiveResponse></Body></e>`)); err == nil {
		t.Error("a command that is done without an exit code")
	}
}

func TestGuardPausesForElevenMinutes(t *testing.T) {
	now := time.Now()
	g := NewGuard()
	g.now = func() time.Time { return now }
	tries := func() int {
		n := 0
		for range 20 {
			if g.admit("u", "a") != nil {
				break
			}
			_ = g.refused("u", "a")
			n++
		}
		return n
	}
	if n := tries(); n != 3 {
		t.Errorf("%d tries at first, want 3", n)
	}
	now = now.Add(10*time.Minute + 59*time.Second)
	if n := tries(); n != 0 {
		t.Errorf("%d tries within eleven minutes, want none", n)
	}
	now = now.Add(time.Second)
	if n := tries(); n != 3 {
		t.Errorf("%d tries after eleven minutes, want 3", n)
	}
}

func TestParsePin(t *testing.T) {
	want := PinOf([]byte("x"))
	hex := "2D:71:16:42:B7:26:B0:44:01:62:7C:A9:FB:AC:32:F5:C8:53:0F:B1:90:3C:C4:DB:02:25:87:17:92:1A:48:81"
	for _, text := range []string{hex, strings.ReplaceAll(hex, ":", ""), strings.ToLower(hex)} {
		if got, err := ParsePin(text); err != nil || got != want {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "zz", hex + "00"} {
		if _, err := ParsePin(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
