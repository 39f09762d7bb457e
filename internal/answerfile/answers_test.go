package answerfile

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

var update = flag.Bool("update", false, "write the golden files anew")

const testPassword = "Passw0rd!-of-the-build_"

func mustProduct(build int, installation string) windows.Product {
	p, err := windows.ProductOf(build, installation)
	if err != nil {
		panic(err)
	}
	return p
}

// server2022 are the answers of the shortest template for Server 2022.
func server2022() Answers { return answers("2022", UEFI, "en-US") }

// products are the versions of the golden files: build, edition, channel.
var products = map[string]struct {
	build        int
	installation string
	edition      string
	channel      Channel
	editions     int
}{
	"2016":    {14393, "Server", "ServerStandard", Volume, 4},
	"2019":    {17763, "Server", "ServerStandardEval", Evaluation, 4},
	"2022":    {20348, "Server", "ServerStandardEval", Evaluation, 4},
	"2025":    {26100, "Server", "ServerDatacenter", Volume, 4},
	"10":      {19045, "Client", "Professional", Retail, 8},
	"10-ltsc": {19044, "Client", "EnterpriseS", Volume, 1},
	"11":      {26100, "Client", "EnterpriseEval", Evaluation, 1},
	"11-pro":  {26200, "Client", "Professional", Retail, 11},
	"11-ltsc": {26100, "Client", "EnterpriseS", Volume, 2},
}

// answers are the shortest answers for a version.
func answers(version string, firmware Firmware, language string) Answers {
	row, ok := products[version]
	if !ok {
		panic(version)
	}
	a := Answers{
		Product:  mustProduct(row.build, row.installation),
		Firmware: firmware,
		Image: Image{
			Index: 2, Name: "Windows Server 2022 SERVERSTANDARD", EditionID: row.edition, Architecture: "amd64",
			Languages: []string{language}, DefaultLanguage: language, SetupLanguages: []string{language},
			Channel: row.channel, Editions: row.editions,
		},
	}
	if a.Product.Server {
		a.AdministratorPassword = testPassword
	} else {
		a.BuildAccount = &LocalAccount{Name: "packer", Password: testPassword, Administrator: true}
	}
	return a
}

var languages = map[string]string{"en": "en-US", "ko": "ko-KR", "ja": "ja-JP"}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	path = filepath.Join("testdata", path)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, diff)
	}
}

func TestAutounattendGolden(t *testing.T) {
	for version := range products {
		for _, firmware := range []Firmware{UEFI, BIOS} {
			for short, language := range languages {
				t.Run(fmt.Sprintf("%s-%s-%s", version, firmware, short), func(t *testing.T) {
					a := answers(version, firmware, language)
					if a.Product.Name == "Windows 11" && firmware == BIOS {
						if _, err := Autounattend(a); err == nil || !strings.Contains(err.Error(), "UEFI") {
							t.Fatalf("Windows 11 on BIOS: %v", err)
						}
						return
					}
					got, err := Autounattend(a)
					if err != nil {
						t.Fatal(err)
					}
					again, err := Autounattend(a)
					if err != nil || !bytes.Equal(got, again) {
						t.Error("the same answers gave other bytes")
					}
					golden(t, fmt.Sprintf("autounattend/%s-%s-%s.xml", version, firmware, short), got)
					// What is rendered has none of the defects that a
					// user's own file is searched for.
					if err := CheckFile(got, a); err != nil {
						t.Errorf("defects:\n%v", err)
					}
				})
			}
		}
	}
}

func TestUnattendGolden(t *testing.T) {
	for version := range products {
		for short, language := range languages {
			t.Run(version+"-"+short, func(t *testing.T) {
				row := products[version]
				a := SysprepAnswers{Product: mustProduct(row.build, row.installation), Language: language, CloudbaseInit: true, PageFile: true}
				if !a.Product.Server {
					a.Account = "user"
				}
				got, err := Unattend(a)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("unattend/%s-%s.xml", version, short), got)
				if secrets := FindSecrets(got); len(secrets) > 0 {
					t.Errorf("secrets that every clone would share: %v", secrets)
				}
				checkSchema(t, got, a.Product)
			})
		}
	}
}

// everything are answers with every field set, and names and passwords that
// XML, cmd.exe and code pages would spoil.
func everything() Answers {
	a := answers("11-pro", UEFI, "ko-KR")
	a.Image.SetupLanguages = []string{"en-US", "ko-KR"}
	a.SetupLanguage, a.UserLocale, a.InputLocale, a.TimeZone = "en-US", "ja-JP", "0411:00000411;0409:00000409", "Asia/Seoul"
	a.ComputerName, a.FullName, a.Organization = "BUILD-01", `소유자 & "Sons" <x>`, "株式会社 'テスト' 😀"
	a.KMSHost = "kms.example:1689"
	a.BuildAccount = &LocalAccount{Name: "빌드 계정", Password: `p&ss<w>"'rd 1😀`, DisplayName: `Build & "Co" 計`, Description: "only <for> the build", Administrator: true}
	a.LocalAccounts = []LocalAccount{{Name: "ユーザー", Password: "パスワード-aB3", DisplayName: "利用者"}}
	a.RemoteDesktop = &RemoteDesktop{}
	a.FirewallGroups = []string{"@FirewallAPI.dll,-28502"}
	a.Display = &Display{Width: 1920, Height: 1080}
	a.Proxy = &Proxy{Server: "proxy.example:3128", Bypass: []string{"*.example"}}
	a.LabConfig = true
	a.SpecializeCommands = []string{`cmd.exe /c echo "한국어 & 日本語" > C:\x.txt`}
	a.FirstLogonCommands = []string{"echo x"}
	a.Fragments = [][]byte{[]byte(fragment)}
	return a
}

const fragment = `<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:w="http://schemas.microsoft.com/WMIConfig/2002/State">
 <settings pass="specialize">
  <component name="Microsoft-Windows-Deployment" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
   <RunSynchronous><RunSynchronousCommand w:action="add"><Order>1</Order><Path>cmd.exe /c rem &amp; "mine"</Path></RunSynchronousCommand></RunSynchronous>
   <ExtendOSPartition><Extend>true</Extend></ExtendOSPartition>
  </component>
  <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
   <ComputerName>BUILD-02</ComputerName>
  </component>
  <component name="Microsoft-Windows-SQMApi" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
   <CEIPEnabled>0</CEIPEnabled>
  </component>
 </settings>
 <settings pass="offlineServicing">
  <component name="Microsoft-Windows-LUA-Settings" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><EnableLUA>true</EnableLUA></component>
 </settings>
 <settings pass="specialize-not"/>
</unattend>`

func TestAutounattendWithEverything(t *testing.T) {
	a := everything()
	if _, err := Autounattend(a); err == nil || !strings.Contains(err.Error(), `pass "specialize-not"`) {
		t.Fatalf("an unknown pass in a fragment: %v", err)
	}
	a.Fragments[0] = bytes.Replace(a.Fragments[0], []byte(` <settings pass="specialize-not"/>`), nil, 1)
	got, err := Autounattend(a)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "autounattend/everything.xml", got)
	checkSchema(t, got, a.Product)

	root, err := parse(got)
	if err != nil {
		t.Fatal(err)
	}
	f := userFile{root: root, a: a}
	values := []struct{ pass, component, path, want string }{
		{passWindowsPE, componentSetup, "UserData/FullName", a.FullName},
		{passWindowsPE, componentSetup, "UserData/Organization", a.Organization},
		{passWindowsPE, componentSetup, "UserData/ProductKey/Key", "VK7JG-NPHTM-C97JM-9MPGT-3V66T"},
		{passWindowsPE, componentWinPELocale, "UILanguage", "en-US"},
		{passWindowsPE, componentWinPELocale, "SystemLocale", "ko-KR"},
		{passOOBE, componentLocale, "UILanguage", "ko-KR"},
		{passOOBE, componentLocale, "UserLocale", "ja-JP"},
		{passSpecialize, componentShell, "TimeZone", "Korea Standard Time"},
		{passSpecialize, componentShell, "ComputerName", "BUILD-02"}, // the fragment's
		{passSpecialize, componentDeployment, "ExtendOSPartition/Extend", "true"},
		{passSpecialize, "Microsoft-Windows-SQMApi", "CEIPEnabled", "0"},
		{passOfflineServicing, "Microsoft-Windows-LUA-Settings", "EnableLUA", "true"},
		{passOOBE, componentShell, "Display/HorizontalResolution", "1920"},
		{passOOBE, componentShell, "AutoLogon/Username", "빌드 계정"},
	}
	for _, v := range values {
		if got := f.component(v.pass, v.component).value(v.path); got != v.want {
			t.Errorf("%s %s %s is %q, want %q", v.pass, v.component, v.path, got, v.want)
		}
	}
	accounts := f.component(passOOBE, componentShell).find("UserAccounts/LocalAccounts").kids
	for i, want := range append([]LocalAccount{*a.BuildAccount}, a.LocalAccounts...) {
		password, ok := reveal(accounts[i].value("Password/Value"), "Password")
		if accounts[i].value("Name") != want.Name || accounts[i].value("DisplayName") != want.DisplayName || password != want.Password || !ok {
			t.Errorf("account %d: %q, %q, password kept: %v", i, accounts[i].value("Name"), accounts[i].value("DisplayName"), password == want.Password)
		}
	}
	commands := f.component(passSpecialize, componentDeployment).find("RunSynchronous").kids
	last := commands[len(commands)-1]
	if last.value("Path") != `cmd.exe /c rem & "mine"` || last.value("Order") != fmt.Sprint(len(commands)) || last.attr(attrAction) != "add" {
		t.Errorf("the fragment's command is %q, order %s of %d", last.value("Path"), last.value("Order"), len(commands))
	}
	if before := commands[len(commands)-2].value("Path"); before != a.SpecializeCommands[0] {
		t.Errorf("the user's command is %q", before)
	}
}

// Every password and name comes back as it went in, whatever it holds.
func TestHostileTexts(t *testing.T) {
	passwords := []string{
		`a&b<c>"d'9Z`, "]]>aB3 <![CDATA[", "&amp;aB3!&#x41;", "비밀번호 aB3", "パスワードaB3", "😀🎉 aB3é", `C:\path\aB3`, " leading aB3 ", "%PATH%aB3^|",
	}
	for _, password := range passwords {
		a := server2022()
		a.AdministratorPassword = password
		const name = "u & 'x' 한글日本"
		// No password may hold a part of its own account's display name.
		a.LocalAccounts = []LocalAccount{{Name: name, Password: password}, {Name: "other", Password: "Zz-0123456789", DisplayName: password}}
		got, err := Autounattend(a)
		if err != nil {
			t.Errorf("%q: %v", password, err)
			continue
		}
		root, err := parse(got)
		if err != nil {
			t.Errorf("%q: %v", password, err)
			continue
		}
		shell := userFile{root: root}.component(passOOBE, componentShell)
		administrator, _ := reveal(shell.value("UserAccounts/AdministratorPassword/Value"), "AdministratorPassword")
		auto, _ := reveal(shell.value("AutoLogon/Password/Value"), "Password")
		accounts := shell.find("UserAccounts/LocalAccounts").kids
		local, display := accounts[0], accounts[1].value("DisplayName")
		own, _ := reveal(local.value("Password/Value"), "Password")
		if administrator != password || auto != password || own != password || display != password || local.value("Name") != name {
			t.Errorf("%q came back as %q, %q, %q, %q, %q", password, administrator, auto, own, display, local.value("Name"))
		}
		if bytes.Contains(got, []byte(password)) && strings.ContainsAny(password, `&<>`) {
			t.Errorf("%q stands in the file as it is", password)
		}
	}
}

// The password's form is the one that Windows' own tools write; the value is
// from a reference file that installs.
func TestHiddenPassword(t *testing.T) {
	if got := hidden("Passw0rd!", "AdministratorPassword"); got != "UABhAHMAcwB3ADAAcgBkACEAQQBkAG0AaQBuAGkAcwB0AHIAYQB0AG8AcgBQAGEAcwBzAHcAbwByAGQA" {
		t.Error(got)
	}
	if got := hidden("Passw0rd!", "Password"); got != "UABhAHMAcwB3ADAAcgBkACEAUABhAHMAcwB3AG8AcgBkAA==" {
		t.Error(got)
	}
	for _, wrong := range []string{"", "AAA", "!!!", hidden("x", "Password")} {
		if _, ok := reveal(wrong, "AdministratorPassword"); ok {
			t.Errorf("%q is taken for a hidden password", wrong)
		}
	}
}

// checkSchema has the table judge a file.
func checkSchema(t *testing.T, data []byte, product windows.Product) {
	t.Helper()
	root, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, defect := range checkDocument(root, product, "amd64") {
		t.Error(defect)
	}
}

// Microsoft's schema of the envelope judges every golden file, where it lies
// beside the repository.
func TestGoldenAgainstMicrosoftsSchema(t *testing.T) {
	xsd, err := filepath.Abs("../../../shared/facts/answer-files/unattend.xsd")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(xsd); err != nil {
		t.Skipf("NOT TESTED: Microsoft's unattend.xsd is not there: %v", err)
	}
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Fatal("xmllint is missing; apt-get install libxml2-utils")
	}
	files, err := filepath.Glob("testdata/*attend/*.xml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	out, err := exec.Command("xmllint", append([]string{"--noout", "--schema", xsd}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReferenceFilesAgree(t *testing.T) {
	// The files that the facts were taken from hold the same elements in the
	// same passes; only what the facts overrule differs.
	dir := "../../../shared/facts/answer-files"
	references := map[string]string{
		"server2022-uefi-en.xml": "autounattend/2022-uefi-en.xml",
		"server2022-bios-ko.xml": "autounattend/2022-bios-ko.xml",
		"win11-uefi-ja.xml":      "autounattend/11-uefi-ja.xml",
	}
	// In the reference and not here, and why.
	left := []string{
		"AutoLogon/Username", // another account
		"OOBE/NetworkLocation",
		"TerminalServices", "Networking-MPSSVC-Svc", // Remote Desktop is off unless asked for
		"PreventDeviceEncryption", // a component of clients
		"LocalAccount",            // servers build as the built-in administrator
		"AdministratorPassword",   // clients do not have it enabled
		"windowsPE|Microsoft-Windows-Setup|RunSynchronous",
	}
	for reference, golden := range references {
		data, err := os.ReadFile(filepath.Join(dir, reference))
		if err != nil {
			t.Skipf("NOT TESTED: no reference files: %v", err)
		}
		want := elementPaths(t, data)
		data, err = os.ReadFile(filepath.Join("testdata", golden))
		if err != nil {
			t.Fatal(err)
		}
		have := elementPaths(t, data)
		for _, path := range want {
			if !slices.Contains(have, path) && !slices.ContainsFunc(left, func(l string) bool { return strings.Contains(path, l) }) {
				t.Errorf("%s has %s, %s has not", reference, path, golden)
			}
		}
	}
}

func elementPaths(t *testing.T, data []byte) []string {
	t.Helper()
	root, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		for _, kid := range n.kids {
			if len(kid.kids) == 0 {
				out = append(out, path+kid.name)
			}
			walk(kid, path+kid.name+"/")
		}
	}
	for _, settings := range root.kids {
		for _, component := range settings.kids {
			walk(component, settings.attr("pass")+"|"+component.attr("name")+"|")
		}
	}
	return out
}

func TestCommandLimits(t *testing.T) {
	if n := len(FirstLogonCommand()); n > maxFirstLogon {
		t.Errorf("the first logon's command has %d characters", n)
	}
	a := SysprepAnswers{Product: mustProduct(26100, "Server"), CloudbaseInit: true, PageFile: true, KMSHost: "kms.example"}
	client := a
	client.Product = mustProduct(26100, "Client")
	commands := slices.Concat(specializeCommands(true), specializeCommands(false), labConfig(), a.commands(), client.commands())
	for _, c := range commands {
		if n := len(c.line); n > maxRunSynchronous {
			t.Errorf("%d characters: %s", n, c.line)
		}
		if strings.ContainsFunc(c.line, func(r rune) bool { return r > '~' }) {
			t.Errorf("not ASCII: %s", c.line)
		}
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	a := everything()
	a.AdministratorPassword = testPassword
	a.BuildAccount.Password, a.LocalAccounts[0].Password = testPassword, testPassword
	p := BootstrapParameters{Certificate: BootstrapCertificate{Password: testPassword}}
	for _, value := range []any{a, &a, a.LocalAccounts, *a.BuildAccount, p, &p, p.Certificate} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, testPassword) {
				t.Errorf("%s of %T shows it: %s", verb, value, text)
			}
		}
	}
}
