package answerfile

import (
	"fmt"
	"strings"
	"testing"
)

// piece is a fragment with one component.
func piece(pass, component, body string) []byte {
	return fmt.Appendf(nil, `<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"><settings pass="%s">`+
		`<component name="%s" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">%s</component></settings></unattend>`, pass, component, body)
}

// bothPasswords changes the administrator's password where it is set and where
// it is used, so that the file agrees with itself.
func bothPasswords(password string) string {
	return fmt.Sprintf(`<UserAccounts><AdministratorPassword><Value>%[1]s</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>`+
		`<AutoLogon><Password><Value>%[1]s</Value><PlainText>true</PlainText></Password></AutoLogon>`, password)
}

// A fragment has no defect of its own, and neither has the generated file: what
// they make together is judged too, before anything starts.
func TestFragmentsThatCollide(t *testing.T) {
	server, client := "2022", "11"
	for name, c := range map[string]struct {
		version, pass, component, body, want string
		change                               func(*Answers)
	}{
		"nothing":            {server, passSpecialize, componentShell, "<OEMName>x</OEMName>", "", nil},
		"looks":              {server, passOOBE, componentShell, `<Themes><ThemeName>x</ThemeName><DefaultThemesOff>false</DefaultThemesOff></Themes><VisualEffects><FontSmoothing>ClearType</FontSmoothing></VisualEffects><FolderLocations><ProfilesDirectory>D:\Users</ProfilesDirectory></FolderLocations>`, "", nil},
		"component's case":   {server, passSpecialize, "microsoft-windows-shell-setup", "<OEMName>x</OEMName>", "", nil},
		"second disk":        {server, passWindowsPE, componentSetup, `<DiskConfiguration><Disk wcm:action="add"><DiskID>0</DiskID></Disk></DiskConfiguration>`, "2 disks", nil},
		"another partition":  {server, passWindowsPE, componentSetup, `<ImageInstall><OSImage><InstallTo><PartitionID>1</PartitionID></InstallTo></OSImage></ImageInstall>`, "must be the last", nil},
		"empty key":          {server, passWindowsPE, componentSetup, `<UserData><ProductKey><Key></Key></ProductKey></UserData>`, "stalls Setup", nil},
		"key on evaluation":  {server, passWindowsPE, componentSetup, `<UserData><ProductKey><Key>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</Key></ProductKey></UserData>`, "accepts none", nil},
		"key page":           {server, passWindowsPE, componentSetup, `<UserData><ProductKey><WillShowUI>Always</WillShowUI></ProductKey></UserData>`, "ProductKey/WillShowUI: Always", nil},
		"key in specialize":  {server, passSpecialize, componentShell, `<ProductKey>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</ProductKey>`, "accepts none", nil},
		"other key, apply":   {client, passSpecialize, componentShell, `<ProductKey>W269N-WFGWX-YVC9B-4J6C9-T83GX</ProductKey>`, "accepts none", func(a *Answers) { a.InstallMethod = MethodApply }},
		"another image":      {server, passWindowsPE, componentSetup, `<ImageInstall><OSImage><InstallFrom><MetaData wcm:action="add"><Key>/IMAGE/NAME</Key><Value>x</Value></MetaData></InstallFrom></OSImage></ImageInstall>`, "No images are available", nil},
		"another language":   {server, passWindowsPE, componentWinPELocale, `<UILanguage>fr-FR</UILanguage>`, "language page", nil},
		"drivers twice":      {client, passWindowsPE, componentWinPEDrivers, `<DriverPaths><PathAndCredentials wcm:action="add" wcm:keyValue="1"><Path>D:\drivers</Path></PathAndCredentials></DriverPaths>`, "0x80070103", nil},
		"second first logon": {server, passOOBE, componentShell, `<FirstLogonCommands><SynchronousCommand wcm:action="add"><Order>1</Order><CommandLine>x</CommandLine></SynchronousCommand></FirstLogonCommands>`, "starts all at once", nil},
		"account twice":      {client, passOOBE, componentShell, `<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>Packer</Name><Group>Users</Group></LocalAccount></LocalAccounts></UserAccounts>`, `"Packer" is given twice`, nil},
		"other logon":        {server, passOOBE, componentShell, `<AutoLogon><Username>other</Username></AutoLogon>`, `"other" is no account of this file`, nil},
		"other password":     {server, passOOBE, componentShell, `<UserAccounts><AdministratorPassword><Value>Xx1!abcdefg</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>`, "AutoLogon/Password: not the password", nil},
		"both passwords":     {server, passOOBE, componentShell, bothPasswords("Xx1!abcdefg"), "AutoLogon/Password: not the password that the build", nil},
		"the same passwords": {server, passOOBE, componentShell, bothPasswords(testPassword), "", nil},
		"without PlainText":  {server, passOOBE, componentShell, strings.ReplaceAll(bothPasswords(testPassword), "<PlainText>true</PlainText>", ""), "", nil},
		"another account":    {server, passOOBE, componentShell, `<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name><Group>Administrators</Group><Password><Value>Xx1!abcdefg</Value><PlainText>true</PlainText></Password></LocalAccount></LocalAccounts></UserAccounts><AutoLogon><Username>bob</Username><Password><Value>Xx1!abcdefg</Value><PlainText>true</PlainText></Password></AutoLogon>`, `AutoLogon/Username: "bob", but the build logs on as "Administrator"`, nil},
		"a domain's account": {server, passOOBE, componentShell, `<AutoLogon><Domain>CORP</Domain></AutoLogon>`, `AutoLogon/Username: "CORP\\Administrator", but the build logs on as "Administrator"`, nil},
		"this machine's":     {server, passOOBE, componentShell, `<AutoLogon><Domain>.</Domain><Username>.\administrator</Username></AutoLogon>`, "", nil},
		"another zone":       {server, passSpecialize, componentShell, `<TimeZone>Korea Standard Time</TimeZone>`, `TimeZone: "Korea Standard Time", but the machine's clock is set for "UTC"`, nil},
		"zone of OOBE":       {server, passOOBE, componentShell, `<TimeZone>Korea Standard Time</TimeZone>`, `TimeZone: "Korea Standard Time", but`, nil},
		"the same zone":      {server, passOOBE, componentShell, `<TimeZone>UTC</TimeZone>`, "", nil},
		"language of OOBE": {server, passOOBE, componentLocale, `<UILanguage>ko-KR</UILanguage>`, `UILanguage: "ko-KR", but the build expects "en-US"`, func(a *Answers) {
			a.Image.Languages = append(a.Image.Languages, "ko-KR")
		}},
		"another computer": {server, passSpecialize, componentShell, `<ComputerName>HOST-1</ComputerName>`, "", nil},
		"no logon":         {server, passOOBE, componentShell, `<AutoLogon><Enabled>false</Enabled></AutoLogon>`, "AutoLogon: not enabled", nil},
		"computer's name":  {server, passSpecialize, componentShell, `<ComputerName>한글컴퓨터</ComputerName>`, "ComputerName: ", nil},
		"IANA zone":        {server, passSpecialize, componentShell, `<TimeZone>Asia/Seoul</TimeZone>`, `write "Korea Standard Time"`, nil},
		"long command":     {server, passSpecialize, componentDeployment, `<RunSynchronous><RunSynchronousCommand wcm:action="add"><Order>1</Order><Path>` + strings.Repeat("x", 257) + `</Path></RunSynchronousCommand></RunSynchronous>`, "a command of 257 characters", nil},
		"generalize":       {server, passGeneralize, componentPnpSysprep, `<PersistAllDeviceInstalls>false</PersistAllDeviceInstalls>`, "belongs into the file for sysprep", nil},
		"beside apply":     {server, passWindowsPE, componentSetup, `<UserData><AcceptEula>true</AcceptEula></UserData>`, `install_method = "apply"`, func(a *Answers) { a.InstallMethod = MethodApply }},
	} {
		t.Run(name, func(t *testing.T) {
			a := answers(c.version, UEFI, "en-US")
			if c.change != nil {
				c.change(&a)
			}
			a.Fragments = [][]byte{piece(c.pass, c.component, c.body)}
			err := a.Validate()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				data, err := Autounattend(a)
				if err != nil {
					t.Fatal(err)
				}
				if err := CheckFile(data, a); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "answer_file_fragment[0]: ") {
				t.Errorf("%v\nwant %q", err, c.want)
			}
		})
	}
}

// What no medium could mend is named before it is opened.
func TestFragmentsBeforeTheMedium(t *testing.T) {
	const root = `<unattend xmlns="urn:schemas-microsoft-com:unattend">%s</unattend>`
	a := Answers{Firmware: UEFI, Fragments: [][]byte{
		piece(passSpecialize, componentShell, "<Nonsense/>"),
		piece(passSpecialize, componentServerManager, "<DoNotOpenServerManagerAtLogon>true</DoNotOpenServerManagerAtLogon>"),
		fmt.Appendf(nil, root, `<servicing/>`),
		fmt.Appendf(nil, root, `<Extensions xmlns="urn:x"/>`),
		fmt.Appendf(nil, root, `<settings pass="oobeUser"/>`),
	}}
	err := a.ValidateWishes()
	for _, want := range []string{
		"answer_file_fragment[0]: line 1: element Nonsense", "answer_file_fragment[2]: line 1: <servicing> cannot be merged",
		"answer_file_fragment[3]: line 1: <urn:x Extensions> cannot be merged", `answer_file_fragment[4]: line 1: pass "oobeUser"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "fragment[1]") {
		t.Errorf("a server's component may be right: %v", err)
	}
}

// The file for sysprep is judged with its fragments as well.
func TestSysprepFragmentsThatCollide(t *testing.T) {
	for body, want := range map[string]string{
		`<TimeZone>Asia/Seoul</TimeZone>`:                        `write "Korea Standard Time"`,
		`<ComputerName>1234567</ComputerName>`:                   "not digits alone",
		`<ProductKey/>`:                                          "specialize/ProductKey: empty",
		`<ProductKey>C3RCX-M6NRP-6CXC9-TW2F2-4RHYD</ProductKey>`: "this is an AVMA key",
		`<ComputerName>*</ComputerName>`:                         "",
		`<RegisteredOwner>somebody</RegisteredOwner>`:            "",
	} {
		a := SysprepAnswers{Product: mustProduct(20348, "Server"), Language: "en-US", Fragments: [][]byte{piece(passSpecialize, componentShell, body)}}
		switch _, err := Unattend(a); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}
