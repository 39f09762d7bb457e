package answerfile

import (
	"strings"
	"testing"
)

func TestValidateNamesEverythingAtOnce(t *testing.T) {
	a := Answers{
		Firmware: "legacy", InstallMethod: "magic",
		Image:         Image{Architecture: "x86", Languages: []string{"en-US"}, SetupLanguages: []string{"en-US"}, Channel: "stolen"},
		Language:      "ko",
		SetupLanguage: "ja-JP", UserLocale: "korean!", InputLocale: "0412", TimeZone: "Seoul",
		ComputerName: "12345678901234567", FullName: strings.Repeat("x", 64), Organization: "a\nb",
		ProductKey: "nonsense", KMSHost: "kms host", AdministratorPassword: testPassword,
		LocalAccounts:  []LocalAccount{{Name: "a/b"}, {Name: "A/B", Password: "short"}},
		FirewallGroups: []string{"Remote Desktop"}, Display: &Display{Width: 1}, Proxy: &Proxy{Server: "proxy", Bypass: []string{"a b"}},
		SpecializeCommands: []string{strings.Repeat("x", 256)}, FirstLogonCommands: []string{""},
		Fragments: [][]byte{[]byte("<x/>"), nil},
	}
	err := a.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"product", "firmware", "install_method", "image_index", "architecture", "channel", "language", "setup_language", "user_locale",
		"input_locale", "time_zone", "computer_name", "full_name", "organization", "product_key", "kms_host", "administrator_password",
		"build_account", "local_account[0].name", "local_account[0].password", "local_account[1].password", "firewall_groups", "display",
		"proxy.server", "proxy", "specialize_commands[0]", "first_logon_commands[0]", "answer_file_fragment[0]", "answer_file_fragment[1]",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+field+":") {
			t.Errorf("%s is not named", field)
		}
	}
	// What needs no medium is said before it is opened.
	wishes := a.ValidateWishes()
	for _, field := range []string{
		"firmware", "install_method", "language", "user_locale", "input_locale", "time_zone", "computer_name", "full_name", "organization",
		"product_key", "kms_host", "local_account[0].name", "local_account[1].password", "firewall_groups", "display", "proxy.server",
		"specialize_commands[0]", "first_logon_commands[0]", "answer_file_fragment[0]",
	} {
		if !strings.Contains("\n"+wishes.Error(), "\n"+field+":") {
			t.Errorf("%s is not named among the wishes", field)
		}
	}
	for _, field := range []string{"product:", "image_index", "channel"} {
		if strings.Contains(wishes.Error(), "\n"+field) {
			t.Errorf("%s is no wish", field)
		}
	}
	if err := (Answers{Firmware: UEFI}).ValidateWishes(); err != nil {
		t.Errorf("no wishes: %v", err)
	}
	if len(Defects(err)) < 25 {
		t.Errorf("%d errors:\n%v", len(Defects(err)), err)
	}
	if _, err := Autounattend(a); err == nil {
		t.Error("Autounattend took them")
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Answers)
		want   string // "" for no error
	}{
		{"shortest", func(*Answers) {}, ""},
		{"language of another image", func(a *Answers) { a.Language = "ko-KR" }, `language: "ko-KR" is not in the image, which has en-US`},
		{"lang.ini without the image's language", func(a *Answers) { a.Image.SetupLanguages = []string{"ja-JP"} }, ""},
		{"language in any case", func(a *Answers) { a.Language = "EN-us" }, ""},
		{"nb-NO on ConX", func(a *Answers) { *a = answers("2025", UEFI, "nb-NO") }, "unattend-generator#331"},
		{"nb-NO applied", func(a *Answers) {
			*a = answers("2025", UEFI, "nb-NO")
			a.InstallMethod = MethodApply
			a.BuildAccount = &LocalAccount{Name: "packer", Password: testPassword, Administrator: true}
		}, ""},
		{"administrator unknown", func(a *Answers) { *a = answers("2022", UEFI, "da-DK") }, "build_account: the built-in administrator's name on da-DK images is not known"},
		{"French", func(a *Answers) { *a = answers("2022", UEFI, "fr-FR") }, ""},
		{"weak password", func(a *Answers) { a.AdministratorPassword = "weakweakweak" }, "administrator_password: has fewer than three"},
		{"password with name", func(a *Answers) { a.AdministratorPassword = "aAdministrator1!" }, "administrator_password: holds the name"},
		{"password with the name in French", func(a *Answers) {
			*a = answers("2022", UEFI, "fr-FR")
			a.AdministratorPassword = "aAdministrateur1!"
		}, `administrator_password: holds the name "Administrateur"`},
		{"password with computer name", func(a *Answers) { a.ComputerName = "WEB"; a.AdministratorPassword = "aB3!web-xyz" }, "administrator_password: holds the name"},
		{"client without account", func(a *Answers) { *a = answers("11", UEFI, "en-US"); a.BuildAccount = nil }, "build_account: missing"},
		{"client with administrator", func(a *Answers) { *a = answers("11", UEFI, "en-US"); a.AdministratorPassword = testPassword }, "administrator_password: given"},
		{"account is the computer", func(a *Answers) {
			a.ComputerName = "BUILD"
			a.BuildAccount = &LocalAccount{Name: "build", Password: testPassword, Administrator: true}
		}, "is the computer's name too"},
		{"account is no administrator", func(a *Answers) { a.BuildAccount = &LocalAccount{Name: "packer", Password: testPassword} }, "must be an administrator"},
		{"account is built in", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "administrator", Password: testPassword}}
		}, "built-in account"},
		{"account twice", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "x", Password: testPassword}, {Name: "X", Password: testPassword}}
		}, "given twice"},
		{"NONE", func(a *Answers) { a.LocalAccounts = []LocalAccount{{Name: "none", Password: testPassword}} }, "reserved"},
		{"percent", func(a *Answers) { a.LocalAccounts = []LocalAccount{{Name: "50%", Password: testPassword}} }, "may be in it"},
		{"computer of digits", func(a *Answers) { a.ComputerName = "123" }, "not digits alone"},
		{"computer with a dot", func(a *Answers) { a.ComputerName = "a.b" }, "only A-Z"},
		{"computer at random", func(a *Answers) { a.ComputerName = "*" }, ""},
		{"key on evaluation", func(a *Answers) { a.ProductKey = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H" }, "is an evaluation edition, which accepts none"},
		{"key of another product", func(a *Answers) {
			*a = answers("2025", UEFI, "en-US")
			a.ProductKey = "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"
		}, "this is the public key of Windows Server 2022 ServerDatacenter, but the image is Windows Server 2025 (build 26100) ServerDatacenter"},
		{"key of a newer long-term edition", func(a *Answers) {
			*a = answers("10-ltsc", UEFI, "en-US")
			a.Product, a.ProductKey = mustProduct(14393, "Client"), "M7XTQ-FN8P6-TTKYV-9D4CC-J462D"
		}, "public key of EnterpriseS of another version, but the image is Windows 10 (build 14393) EnterpriseS"},
		{"key of an older long-term edition", func(a *Answers) {
			*a = answers("10-ltsc", UEFI, "en-US")
			a.ProductKey = "DCPHK-NFMTC-H88MJ-PFHPY-QJ4BJ"
		}, "public key of EnterpriseS of another version"},
		{"key of this long-term edition", func(a *Answers) {
			*a = answers("10-ltsc", UEFI, "en-US")
			a.ProductKey = "M7XTQ-FN8P6-TTKYV-9D4CC-J462D"
		}, ""},
		{"key of another edition", func(a *Answers) {
			*a = answers("11-pro", UEFI, "en-US")
			a.ProductKey = "NPPR9-FWDCX-D2C8J-H872K-2YT43"
		}, "public key of Enterprise"},
		{"key of this edition", func(a *Answers) {
			*a = answers("2025", UEFI, "en-US")
			a.ProductKey = "d764k-2ndrg-47t6q-p8t8w-yp6df"
		}, ""},
		{"key of Server Core by DISM's name", func(a *Answers) {
			a.Image.EditionID, a.Image.Channel = "ServerStandardCor", Volume
			a.ProductKey = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
		}, ""},
		{"key on an evaluation by DISM's name", func(a *Answers) {
			a.Image.EditionID, a.Image.Channel = "ServerStandardEvalCor", UnknownChannel
			a.ProductKey = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
		}, "is an evaluation edition, which accepts none"},
		{"paid key", func(a *Answers) { *a = answers("2025", UEFI, "en-US"); a.ProductKey = "BBBBB-CCCCC-DDDDD-FFFFF-GGGGG" }, ""},
		{"AVMA", func(a *Answers) { *a = answers("2025", UEFI, "en-US"); a.ProductKey = "YQB4H-NKHHJ-Q6K4R-4VMY6-VCH67" }, "Hyper-V only, never on KVM"},
		{"no public key", func(a *Answers) { *a = answers("10", UEFI, "en-US"); a.Image.EditionID = "CloudEdition" }, "product_key: missing; there is no public key for edition CloudEdition"},
		{"Windows 11 on BIOS", func(a *Answers) { *a = answers("11", BIOS, "en-US") }, "firmware: bios"},
		{"Windows 11 on BIOS on request", func(a *Answers) { *a = answers("11", BIOS, "en-US"); a.LabConfig = true }, ""},
		{"groups without firewall", func(a *Answers) { a.FirewallOff = true; a.FirewallGroups = []string{"@x.dll,-1"} }, "but the firewall is off"},
		{"kms port", func(a *Answers) { a.KMSHost = "kms:99999" }, "kms_host"},
		{"kms host longer than its command", func(a *Answers) { a.KMSHost = strings.Repeat("a.", 120) + "example" }, "kms_host: the name has 247 characters; at most 120 fit"},
		// Windows counts units of UTF-16: an emoji is two characters.
		{"account of ten emoji", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: strings.Repeat("😀", 10), Password: testPassword}}
		}, ""},
		{"account of eleven emoji", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: strings.Repeat("😀", 11), Password: testPassword}}
		}, "local_account[0].name"},
		{"organization of emoji", func(a *Answers) { a.Organization = strings.Repeat("😀", 32) }, "organization: 64 characters; Setup takes 63"},
		{"command of emoji", func(a *Answers) { a.SpecializeCommands = []string{strings.Repeat("😀", 128)} }, "specialize_commands[0]"},
		{"password with a part of the display name", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "svc", Password: "MinsuKim2024x", DisplayName: "Minsu Kim"}}
		}, `local_account[0].password: holds the name "Minsu"`},
		{"short part of the display name", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "svc", Password: "JoLi-2024-x", DisplayName: "Jo Li"}}
		}, ""},
		{"account named as a built-in one", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "wdagutilityaccount", Password: testPassword}}
		}, "built-in account or group"},
		{"account named as a group", func(a *Answers) {
			a.LocalAccounts = []LocalAccount{{Name: "Users", Password: testPassword}}
		}, "built-in account or group"},
		{"longest first-logon command", func(a *Answers) {
			a.FirstLogonCommands = []string{strings.Repeat("x", 8191-len(`cmd.exe /d /s /c ""`))}
		}, ""},
		{"first-logon command too long for cmd.exe", func(a *Answers) {
			a.FirstLogonCommands = []string{strings.Repeat("x", 8192-len(`cmd.exe /d /s /c ""`))}
		}, "first_logon_commands[0]: a command of"},
		{"proxy but for local names", func(a *Answers) { a.Proxy = &Proxy{Server: "x:1", Bypass: []string{"<local>", "*.corp"}} }, ""},
		{"kms host that is a command", func(a *Answers) { a.KMSHost = `x" & format c:` }, "kms_host"},
		{"proxy that is a command", func(a *Answers) { a.Proxy = &Proxy{Server: "x:1", Bypass: []string{`" & calc`}} }, "proxy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := server2022()
			test.change(&a)
			err := a.Validate()
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Autounattend(a); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v\nwant %q", err, test.want)
			}
			for _, secret := range []string{a.ProductKey, a.AdministratorPassword} {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q", secret)
				}
			}
		})
	}
}

func TestProductKeyPolicy(t *testing.T) {
	want := map[string]string{
		"2016": "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY", "2019": "", "2022": "", "2025": "D764K-2NDRG-47T6Q-P8T8W-YP6DF",
		"10": "VK7JG-NPHTM-C97JM-9MPGT-3V66T", "10-ltsc": "M7XTQ-FN8P6-TTKYV-9D4CC-J462D",
		"11": "", "11-pro": "VK7JG-NPHTM-C97JM-9MPGT-3V66T", "11-ltsc": "M7XTQ-FN8P6-TTKYV-9D4CC-J462D",
	}
	for version := range products {
		got, err := Autounattend(answers(version, UEFI, "en-US"))
		if err != nil {
			t.Fatal(err)
		}
		root, err := parse(got)
		if err != nil {
			t.Fatal(err)
		}
		key := userFile{root: root}.component(passWindowsPE, componentSetup).find("UserData/ProductKey/Key")
		switch {
		case key == nil && want[version] != "":
			t.Errorf("%s has no key", version)
		case key != nil && key.text != want[version]:
			t.Errorf("%s has the key %q, want %q", version, key.text, want[version])
		}
	}
}

// An edition that nobody has published a key for: Setup of a medium with others
// beside it asks for one, and the script of MethodApply does not.
func TestEditionWithoutAPublicKey(t *testing.T) {
	a := answers("11-pro", UEFI, "en-US")
	a.Image.EditionID = "CoreCountrySpecific"
	if err := a.Validate(); err == nil || !strings.Contains(err.Error(), "product_key: missing") {
		t.Errorf("setup: %v", err)
	}
	a.InstallMethod = MethodApply
	data, err := Autounattend(a)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "ProductKey") {
		t.Error("the file gives a key")
	}
	if err := CheckFile(data, a); err != nil {
		t.Error(err)
	}
}

func TestSysprepAnswersValidate(t *testing.T) {
	client, server := mustProduct(26100, "Client"), mustProduct(20348, "Server")
	tests := []struct {
		name string
		a    SysprepAnswers
		want string
	}{
		{"server", SysprepAnswers{Product: server, Language: "en-US"}, ""},
		{"client", SysprepAnswers{Product: client, Language: "en-US", Account: "user"}, ""},
		{"nothing", SysprepAnswers{}, "product"},
		{"language", SysprepAnswers{Product: server, Language: "xx"}, "language"},
		{"client without account", SysprepAnswers{Product: client, Language: "en-US"}, "account: missing"},
		{"server with account", SysprepAnswers{Product: server, Language: "en-US", Account: "user"}, "account: given"},
		{"account", SysprepAnswers{Product: client, Language: "en-US", Account: "a/b"}, "account"},
		{"time zone", SysprepAnswers{Product: server, Language: "en-US", TimeZone: "x"}, "time_zone"},
		{"kms", SysprepAnswers{Product: server, Language: "en-US", KMSHost: "a b"}, "kms_host"},
		{"input", SysprepAnswers{Product: server, Language: "en-US", InputLocale: "x:y"}, "input_locale"},
		{"owner", SysprepAnswers{Product: server, Language: "en-US", FullName: "a\tb"}, "full_name"},
		{"fragment", SysprepAnswers{Product: server, Language: "en-US", Fragments: [][]byte{[]byte("x")}}, "unattend_fragments[0]"},
		{"architecture", SysprepAnswers{Product: server, Language: "en-US", Architecture: "arm64"}, "architecture"},
	}
	for _, test := range tests {
		err := test.a.Validate()
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	// A clone that has everything: each wish is in the file.
	got, err := Unattend(SysprepAnswers{
		Product: server, Language: "en-US", UserLocale: "ko-KR", TimeZone: "Asia/Tokyo", Organization: "R & D", FullName: "소유자",
		CloudbaseInit: true, PageFile: true, SkipRearm: true, KMSHost: "kms.example:1700", Fragments: [][]byte{[]byte(strings.Replace(fragment, ` <settings pass="specialize-not"/>`, "", 1))},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "unattend/everything.xml", got)
}
