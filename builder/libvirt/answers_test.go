package libvirt

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

type block = map[string]any

// TestPrepareNamesTheAnswer gives one wrong answer at a time.
func TestPrepareNamesTheAnswer(t *testing.T) {
	account := func(fields block) []block {
		b := block{"name": "operator", "password": "Correct-Horse-1"}
		for k, v := range fields {
			b[k] = v
		}
		return []block{b}
	}
	for _, c := range []struct {
		field string
		value any
		want  string // of the message; the field and a colon when empty
	}{
		{"language", "xx-XX", "language:"},
		{"setup_language", "Korean", ""},
		{"user_locale", "Korea!", ""},
		{"input_locale", "qwertz", ""},
		{"full_name", strings.Repeat("x", 64), "full_name: 64 characters"},
		{"organization", "a\nb", "organization: holds the character U+000A"},
		{"product_key", "TMJ3Y-NTRTM-FJYXT-T22BY-CWG3J", "product_key: this is an AVMA key"},
		{"kms_host", "kms.example.com:0", ""},
		{"display", "big", `display: "big" is no resolution`},
		{"display", "320x200", "display: 320x200"},
		{"firewall", "open", `firewall: "open"`},
		{"firewall_groups", []string{"Remote Desktop"}, "firewall_groups: \"Remote Desktop\""},
		{"proxy", block{}, "proxy.server: missing"},
		{"proxy", block{"server": "proxy"}, "proxy.server:"},
		{"proxy", block{"server": "proxy:3128", "bypass": []string{"a;b"}}, "proxy:"},
		{"install_method", "clone", `install_method: "clone"`},
		{"first_logon_commands", []string{"ver", ""}, "first_logon_commands[1]"},
		{"local_account", account(block{"name": "a/b"}), "local_account[0].name:"},
		{"local_account", account(block{"name": "Guest"}), "local_account[0].name:"},
		{"local_account", account(block{"password": ""}), "local_account[0].password:"},
		{"local_account", account(block{"password": "weakling"}), "local_account[0].password:"},
		{"local_account", account(block{"description": strings.Repeat("x", 49)}), "local_account[0].description: 49"},
		{"local_account", append(account(nil), account(nil)...), "local_account[1].name: \"operator\" is given twice"},
		{"answer_file", "no/such.xml", "answer_file: open no/such.xml"},
		{"answer_file_fragment", []block{{}}, "answer_file_fragment[0]: give one of path and content"},
		{"answer_file_fragment", []block{{"path": "a.xml", "content": "<a/>"}}, "answer_file_fragment[0]: give one"},
		{"answer_file_fragment", []block{{"path": "no/such.xml"}}, "answer_file_fragment[0]: open no/such.xml"},
		{"answer_file_fragment", []block{{"content": "no XML"}}, "answer_file_fragment[0]:"},
	} {
		_, _, err := prepare(t, with(block{c.field: c.value}))
		want := c.want
		if want == "" {
			want = c.field + ":"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v: %v, want %q", c.field, c.value, err, want)
			continue
		}
		if n := strings.Count(err.Error(), "\n* "); n > 1 {
			t.Errorf("%s = %v: one defect is told %d times: %v", c.field, c.value, n, err)
		}
	}
}

func TestPrepareNamesAllAnswersAtOnce(t *testing.T) {
	_, _, err := prepare(t, with(block{
		"time_zone": "x", "user_locale": "?", "kms_host": "a,b", "display": "1x1", "install_method": "x",
		"proxy": block{"server": "x"}, "local_account": []block{{"name": "", "password": "x"}},
		"first_logon_commands": []string{""}, "answer_file_fragment": []block{{"content": "x"}},
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"time_zone", "user_locale", "kms_host", "display", "install_method", "proxy.server",
		"local_account[0].name", "local_account[0].password", "first_logon_commands[0]", "answer_file_fragment[0]",
	} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

// TestPrepareTakesUnknownAnswers: values inside blocks and lists that come from
// a data source.
func TestPrepareTakesUnknownAnswers(t *testing.T) {
	c, _, err := prepare(t, with(block{
		"local_account":        []block{{"name": "<unknown>", "password": "<unknown>", "display_name": "<unknown>", "description": "<unknown>"}},
		"proxy":                block{"server": "<unknown>", "bypass": []string{"<unknown>"}},
		"first_logon_commands": []string{"<unknown>"},
		"firewall_groups":      []string{"<unknown>"},
		"answer_file_fragment": []block{{"path": "<unknown>"}, {"content": "<unknown>"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	err = c.known()
	for _, field := range []string{"local_account[0]", "proxy", "first_logon_commands", "firewall_groups", "answer_file_fragment[1]"} {
		if err == nil || !strings.Contains(err.Error(), field+": its value was not known") {
			t.Errorf("%s is not named when the build starts: %v", field, err)
		}
	}
}

func TestPrepareRegistersSecrets(t *testing.T) {
	const fragment = `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup"><AutoLogon>` +
		`<Password><Value>Of-The-Fragment-1</Value><PlainText>true</PlainText></Password></AutoLogon></component></settings></unattend>`
	_, _, err := prepare(t, with(block{
		"local_account":        []block{{"name": "operator", "password": "Of-The-Account-1"}},
		"proxy":                block{"server": "joe:Of/The@Proxy-1@proxy:3128"},
		"answer_file_fragment": []block{{"content": fragment}},
	}))
	if err == nil || strings.Contains(err.Error(), "Of/The@Proxy-1") || !strings.Contains(err.Error(), redact.Mask) {
		t.Errorf("error is %v", err)
	}
	for _, secret := range []string{"Of-The-Account-1", "Of/The@Proxy-1", "Of-The-Fragment-1"} {
		if got := redact.String("it is " + secret); strings.Contains(got, secret) {
			t.Errorf("%s is not known as a secret", secret)
		}
	}
}

// element is any element of an answer file.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Kids    []element  `xml:",any"`
}

// flatten lists "pass/component/path=text" of every leaf.
func flatten(t *testing.T, data []byte) string {
	t.Helper()
	var root element
	if err := xml.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var walk func(e element, path string)
	walk = func(e element, path string) {
		name := e.XMLName.Local
		for _, a := range e.Attrs {
			if name == "settings" && a.Name.Local == "pass" || name == "component" && a.Name.Local == "name" {
				name = a.Value
				break
			}
		}
		path += "/" + name
		if len(e.Kids) == 0 {
			out.WriteString(path + "=" + strings.TrimSpace(e.Text) + "\n")
		}
		for _, kid := range e.Kids {
			walk(kid, path)
		}
	}
	for _, kid := range root.Kids {
		walk(kid, "")
	}
	return out.String()
}

func discText(t *testing.T, p *Plan, name string) []byte {
	t.Helper()
	list, _, err := discFiles(p, testCertificate(t), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Path != name {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return nil
}

// TestAnswersReachTheDisc: every field of the template, to the answer file and
// the bootstrap's parameters as they lie on the disc.
func TestAnswersReachTheDisc(t *testing.T) {
	f := facts(image(2, "Professional", "Client", 26100, "en-US", "ko-KR"))
	f.UILanguages = []string{"en-US", "ja-JP"}
	p, err := planFor(t, block{
		"edition": "Professional", "language": "ko-KR", "setup_language": "ja-JP", "user_locale": "de-DE", "input_locale": "0407:00000407",
		"time_zone": "Europe/Berlin", "computer_name": "TEMPLATE-1", "full_name": "Jörg & <Söhne>", "organization": `"Bücher" 도서`,
		"product_key": "bcdfg-hjkmp-qrtvw-xy234-6789b", "kms_host": "kms.example.com:1689", "display": "1920x1080",
		"remote_desktop": block{"nla": false}, "firewall_groups": []string{"@FirewallAPI.dll,-28502"},
		"lab_config":           true,
		"local_account":        []block{{"name": "operator", "password": "Correct-Horse-1", "display_name": "The operator", "description": "Operates", "administrator": true}, {"name": "user", "password": "Correct-Horse-2"}},
		"proxy":                block{"server": "proxy.example.com:3128", "bypass": []string{"localhost", "*.example.com"}},
		"first_logon_commands": []string{"echo one", "echo two"},
		"answer_file_fragment": []block{{"content": `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize"><component name="Microsoft-Windows-SQMApi" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><CEIPEnabled>0</CEIPEnabled></component></settings></unattend>`}},
	}, f, driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	text := flatten(t, discText(t, p, answerfile.AutounattendPath))
	const pe, shell = "/windowsPE/Microsoft-Windows-International-Core-WinPE", "/oobeSystem/Microsoft-Windows-Shell-Setup"
	for _, want := range []string{
		pe + "/UILanguage=ja-JP", pe + "/SetupUILanguage/UILanguage=ja-JP", pe + "/UserLocale=de-DE", pe + "/InputLocale=0407:00000407", pe + "/SystemLocale=ko-KR",
		"/oobeSystem/Microsoft-Windows-International-Core/UILanguage=ko-KR",
		"/oobeSystem/Microsoft-Windows-International-Core/UserLocale=de-DE",
		"/oobeSystem/Microsoft-Windows-International-Core/InputLocale=0407:00000407",
		"/windowsPE/Microsoft-Windows-Setup/UserData/FullName=Jörg & <Söhne>",
		`/windowsPE/Microsoft-Windows-Setup/UserData/Organization="Bücher" 도서`,
		"/windowsPE/Microsoft-Windows-Setup/UserData/ProductKey/Key=BCDFG-HJKMP-QRTVW-XY234-6789B",
		"BypassTPMCheck", "BypassSecureBootCheck",
		"/specialize/Microsoft-Windows-Shell-Setup/ComputerName=TEMPLATE-1",
		"/specialize/Microsoft-Windows-Shell-Setup/TimeZone=W. Europe Standard Time",
		"KeyManagementServiceName /t REG_SZ /d kms.example.com", "/d 1689",
		"/specialize/Microsoft-Windows-TerminalServices-LocalSessionManager/fDenyTSConnections=false",
		"/specialize/Microsoft-Windows-TerminalServices-RDP-WinStationExtensions/UserAuthentication=0",
		"/FirewallGroup/Group=@FirewallAPI.dll,-28752", "/FirewallGroup/Group=@FirewallAPI.dll,-28502",
		"/specialize/Microsoft-Windows-SQMApi/CEIPEnabled=0",
		shell + "/Display/HorizontalResolution=1920", shell + "/Display/VerticalResolution=1080",
		shell + "/UserAccounts/LocalAccounts/LocalAccount/Name=packer",
		shell + "/UserAccounts/LocalAccounts/LocalAccount/Name=operator",
		shell + "/UserAccounts/LocalAccounts/LocalAccount/DisplayName=The operator",
		shell + "/UserAccounts/LocalAccounts/LocalAccount/Description=Operates",
		shell + "/UserAccounts/LocalAccounts/LocalAccount/Group=Users",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the answer file", want)
		}
	}
	own, err := answerfile.ReadFile(discText(t, p, answerfile.AutounattendPath))
	if err != nil || !strings.Contains(strings.Join(own.Secrets, "\n"), "Correct-Horse-1\nCorrect-Horse-2") {
		t.Errorf("the accounts' passwords are not in the answer file (%v)", err)
	}
	params, err := answerfile.ParseBootstrapParameters(discText(t, p, answerfile.BootstrapParametersPath))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(params.Commands, "|"); got != "echo one|echo two" {
		t.Errorf("first_logon_commands arrive as %q", got)
	}
	if params.Proxy == nil || params.Proxy.Server != "proxy.example.com:3128" || strings.Join(params.Proxy.Bypass, "|") != "localhost|*.example.com" {
		t.Errorf("proxy arrives as %+v", params.Proxy)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestAnswersByDefault: what is not asked for is not there.
func TestAnswersByDefault(t *testing.T) {
	p, err := planFor(t, nil, facts(server2025), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	text := flatten(t, discText(t, p, answerfile.AutounattendPath))
	for _, unwanted := range []string{"LabConfig", "fDenyTSConnections", "FirewallGroup", "EnableFirewall", "/Display/", "LocalAccount/", "KeyManagementService"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("%s is in the answer file, and nobody asked for it", unwanted)
		}
	}
	if discText(t, p, "wintemplate/apply.cmd") != nil {
		t.Error("the script of install_method apply is on the disc")
	}
}

func TestFirewallOffAndNLA(t *testing.T) {
	p, err := planFor(t, block{"firewall": "off", "remote_desktop": block{}}, facts(server2022), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	text := flatten(t, discText(t, p, answerfile.AutounattendPath))
	for _, want := range []string{"DomainProfile_EnableFirewall=false", "PrivateProfile_EnableFirewall=false", "PublicProfile_EnableFirewall=false", "UserAuthentication=1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the answer file", want)
		}
	}
}

// TestApplyIsOnTheDisc: the script that replaces setup.exe, its parameters, and
// both in the manifest that the bootstrap checks.
func TestApplyIsOnTheDisc(t *testing.T) {
	p, err := planFor(t, block{"edition": "Professional", "install_method": "apply", "firmware": "bios"}, facts(windows11), driverISO{})
	if err != nil {
		t.Fatal(err) // no lab_config: setup.exe, which has the demands, does not run
	}
	answers := discText(t, p, "wintemplate/apply-answers.cmd")
	for _, want := range []string{"BUILD_ID=" + testID.Build, `INSTALL=sources\install.wim`} {
		if !bytes.Contains(answers, []byte(want)) {
			t.Errorf("apply-answers.cmd has no %s", want)
		}
	}
	for _, name := range []string{"wintemplate/apply.cmd", "wintemplate/diskpart-bios.txt"} {
		if len(discText(t, p, name)) == 0 {
			t.Errorf("%s is not on the disc", name)
		}
		if !bytes.Contains(discText(t, p, answerfile.ManifestPath), []byte(name)) {
			t.Errorf("%s is not in the manifest", name)
		}
	}
	if text := flatten(t, discText(t, p, answerfile.AutounattendPath)); !strings.Contains(text, "apply.cmd") || strings.Contains(text, "DiskConfiguration") {
		t.Error("the answer file leaves the installation to setup.exe")
	}
}

// generated is the answer file of a plan, as a file of the user's own.
func generated(t *testing.T, fields block, f *media.Facts) (path string, data []byte) {
	t.Helper()
	p, err := planFor(t, fields, f, driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "my.xml")
	data = discText(t, p, answerfile.AutounattendPath)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestOwnAnswerFile(t *testing.T) {
	for name, c := range map[string]struct {
		fields  block
		facts   *media.Facts
		account string
	}{
		"server": {block{"time_zone": "Asia/Seoul"}, facts(server2022), "Administrator"},
		"client": {block{"edition": "Professional", "lab_config": true, "winrm_username": "builder", "time_zone": "Asia/Seoul"}, signed(windows11), "builder"},
	} {
		t.Run(name, func(t *testing.T) {
			path, data := generated(t, c.fields, c.facts)
			fields := block{"answer_file": path, "first_logon_commands": []string{"echo one"}}
			if e, ok := c.fields["edition"]; ok {
				fields["edition"] = e
			}
			config, _, err := prepare(t, with(fields))
			if err != nil {
				t.Fatal(err)
			}
			if config.Comm.WinRMUser != c.account || config.Comm.WinRMPassword != testPassword {
				t.Errorf("logs on as %q, with the file's password: %v", config.Comm.WinRMUser, config.Comm.WinRMPassword == testPassword)
			}
			p, err := planFor(t, fields, c.facts, driverISO{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Account != c.account || p.Zone.Windows != "Korea Standard Time" {
				t.Errorf("account %q, time zone %q", p.Account, p.Zone.Windows)
			}
			if !bytes.Equal(discText(t, p, answerfile.AutounattendPath), data) {
				t.Error("the file on the disc is not the user's")
			}
			params, err := answerfile.ParseBootstrapParameters(discText(t, p, answerfile.BootstrapParametersPath))
			if err != nil || params.Account != c.account || len(params.Commands) != 1 {
				t.Errorf("bootstrap: account %q, commands %q, %v", params.Account, params.Commands, err)
			}
		})
	}
}

func TestOwnAnswerFileRefused(t *testing.T) {
	path, data := generated(t, nil, facts(server2022))
	_, _, err := prepare(t, with(block{
		"answer_file": path, "time_zone": "UTC", "lab_config": true, "remote_desktop": block{}, "install_method": "apply",
		"winrm_password": "Another-Secret-1", "local_account": []block{{"name": "operator", "password": "Correct-Horse-1"}},
	}))
	for _, want := range []string{"time_zone: given beside answer_file", "lab_config:", "remote_desktop:", "local_account:", "install_method:", "winrm_password: not the password of AutoLogon"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}

	// Defects that need no media are named by `packer validate`.
	broken := bytes.ReplaceAll(data, []byte("HideEULAPage"), []byte("HideUlaPage"))
	broken = bytes.ReplaceAll(broken, []byte(`bootstrap.ps1`), []byte(`other.ps1`))
	if bytes.Equal(broken, data) {
		t.Fatal("nothing is broken")
	}
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = prepare(t, with(block{"answer_file": path}))
	for _, want := range []string{"answer_file: " + path + ": ", "HideUlaPage", "OOBE/HideEULAPage", "FirstLogonCommands"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}

	// Those that only the media show are named before the machine starts.
	broken = bytes.Replace(data, []byte("<Key>/IMAGE/INDEX</Key>"), []byte("<Key>/IMAGE/NAME</Key>"), 1)
	broken = bytes.Replace(broken, []byte("<Type>EFI</Type>"), []byte("<Type>Primary</Type>"), 1)
	if bytes.Equal(broken, data) {
		t.Fatal("nothing is broken")
	}
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = planFor(t, block{"answer_file": path}, facts(server2022), driverISO{})
	for _, want := range []string{"answer_file: " + path + ": ", "/IMAGE/NAME", "no partition of type EFI"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}

	if err := os.WriteFile(path, []byte(`<unattend xmlns="urn:schemas-microsoft-com:unattend"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := prepare(t, with(block{"answer_file": path})); err == nil || !strings.Contains(err.Error(), "no AutoLogon") {
		t.Errorf("error is %v", err)
	}
}
