package windows

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestProductOf(t *testing.T) {
	tests := []struct {
		build        int
		installation string
		name, dir    string
		delivery     DriverDelivery
	}{
		{14393, "Server", "Windows Server 2016", "2k16", DriverPaths},
		{17763, "Server Core", "Windows Server 2019", "2k19", DriverPaths},
		{20348, "server", "Windows Server 2022", "2k22", DriverPaths},
		{17134, "Server Core", "Windows Server, version 1803", "2k16", DriverPaths},
		{19041, "Server Core", "Windows Server, version 2004", "2k19", DriverPaths},
		{25398, "Server Core", "Windows Server, version 23H2", "2k22", DriverPaths},
		{26100, "Server", "Windows Server 2025", "2k25", WinPEDriver},
		{14393, "Client", "Windows 10", "w10", DriverPaths},
		{19045, "Client", "Windows 10", "w10", DriverPaths},
		{22000, "Client", "Windows 11", "w11", WinPEDriver},
		{22631, "Client", "Windows 11", "w11", WinPEDriver},
		{26100, "Client", "Windows 11", "w11", WinPEDriver},
		{26200, "Client", "Windows 11", "w11", WinPEDriver},
	}
	for _, test := range tests {
		p, err := ProductOf(test.build, test.installation)
		if err != nil {
			t.Errorf("%d %s: %v", test.build, test.installation, err)
			continue
		}
		if p.Name != test.name || p.DriverDirs()[0] != test.dir || p.DriversIn() != test.delivery || p.Build != test.build {
			t.Errorf("%d %s: %v, folders %v, %v", test.build, test.installation, p, p.DriverDirs(), p.DriversIn())
		}
		if p.Server == strings.EqualFold(test.installation, "Client") {
			t.Errorf("%v: server %v", p, p.Server)
		}
	}
	for _, wrong := range []struct {
		build        int
		installation string
		want         string
	}{
		{9600, "Server", "14393"}, {9600, "Client", "10240"}, {20348, "WindowsPE", "WinPE"}, {20348, "", "installation type"},
	} {
		if _, err := ProductOf(wrong.build, wrong.installation); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("%d %q: error %v, want one with %q", wrong.build, wrong.installation, err, wrong.want)
		}
	}
}

func TestDriverDirsAreACopy(t *testing.T) {
	p, err := ProductOf(20348, "Server")
	if err != nil {
		t.Fatal(err)
	}
	p.DriverDirs()[0] = "changed"
	if p.DriverDirs()[0] != "2k22" {
		t.Error("the catalogue was changed through DriverDirs")
	}
}

func TestKeys(t *testing.T) {
	product := func(build int, installation string) Product {
		p, err := ProductOf(build, installation)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	tests := []struct {
		product       Product
		edition       string
		kms, instance string
	}{
		{product(14393, "Server"), "ServerStandard", "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY", ""},
		{product(17763, "Server"), "ServerDatacenter", "WMDGN-G9PQG-XVVXX-R3X43-63DFG", ""},
		{product(20348, "Server Core"), "serverstandard", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", ""},
		{product(26100, "Server"), "ServerDatacenter", "D764K-2NDRG-47T6Q-P8T8W-YP6DF", ""},
		{product(26100, "Server"), "ServerStandardEval", "", ""},
		{product(26100, "Server"), "ServerTurbine", "XGN3F-F394H-FD2MY-PP6FD-8MCRC", ""}, // Datacenter: Azure Edition
		{product(20348, "Server"), "ServerTurbine", "NTBV8-9K7Q8-V27C6-M2BTV-KHMXV", ""},
		{product(20348, "Server"), "ServerDatacenter", "WX4NM-KYWYW-QJJR4-XV3QB-6VM33", ""},
		{product(17763, "Server"), "ServerSolution", "WVDHN-86M7X-466P6-VHXV7-YY726", ""},
		{product(22631, "Client"), "ProfessionalN", "MH37W-N47XK-V7XM9-C7227-GCQG9", "2B87N-8KFHP-DKV6R-Y2C8J-PKCKT"},
		{product(22631, "Client"), "Enterprise", "NPPR9-FWDCX-D2C8J-H872K-2YT43", "XGVPP-NMH47-7TTHJ-W3FW7-8HV2C"},
		{product(22631, "Client"), "Education", "NW6C2-QMPVW-D7KKK-3GKT6-VCFB2", "YNMGQ-8RYV3-4PGQ3-C8XTP-7CFBY"},
		{product(19045, "Client"), "Professional", "W269N-WFGWX-YVC9B-4J6C9-T83GX", "VK7JG-NPHTM-C97JM-9MPGT-3V66T"},
		{product(26100, "Client"), "EnterpriseS", "M7XTQ-FN8P6-TTKYV-9D4CC-J462D", ""},
		{product(14393, "Client"), "EnterpriseS", "DCPHK-NFMTC-H88MJ-PFHPY-QJ4BJ", ""},
		{product(26100, "Client"), "Core", "", "YTMG3-N6DKC-DKB77-7M9GH-8HVX7"},
		{product(26100, "Client"), "ServerStandard", "", ""},
		{product(26100, "Server"), "Professional", "", ""},
		{product(10240, "Client"), "EnterpriseS", "", ""}, // LTSB 2015
		{product(10240, "Client"), "EnterpriseSN", "", ""},
		{product(25398, "Server Core"), "ServerDatacenter", "", ""}, // semi-annual
		{product(17134, "Server Core"), "ServerStandard", "", ""},
		{product(19041, "Server Core"), "ServerDatacenter", "", ""},
		{Product{}, "Professional", "", ""},
	}
	for _, test := range tests {
		kms, ok := KMSClientKey(test.product, test.edition)
		if kms != test.kms || ok != (test.kms != "") {
			t.Errorf("KMS key of %v %s: %q", test.product, test.edition, kms)
		}
		install, ok := InstallKey(test.product, test.edition)
		if install != test.instance || ok != (test.instance != "") {
			t.Errorf("install key of %v %s: %q", test.product, test.edition, install)
		}
	}
	seen := map[string]string{}
	for _, rows := range [][]keyRow{kmsClientKeys, ltsb2016, installKeys} {
		for _, row := range rows {
			if !IsKeyForm(row.key) {
				t.Errorf("%s: %s has not the form of a key", row.edition, row.key)
			}
			if other, twice := seen[row.key]; twice {
				t.Errorf("%s is both %s and %s", row.key, other, row.edition)
			}
			seen[row.key] = row.edition
			if _, edition, ok := KeyOwner(strings.ToLower(row.key)); !ok || edition != row.edition {
				t.Errorf("owner of %s: %s", row.key, edition)
			}
		}
	}
	if _, _, ok := KeyOwner("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"); ok {
		t.Error("a key that is nobody's has an owner")
	}
	for _, bad := range []string{"", "VDYBN-27WPP-V4HQT-9VMD4", "VDYBN27WPPV4HQT9VMD4VMK7H", "VDYBN-27WPP-V4HQT-9VMD4-VMK70"} {
		if IsKeyForm(bad) {
			t.Errorf("%q passes for a key", bad)
		}
	}
}

// The keys of Automatic Virtual Machine Activation, as Microsoft's page has them.
func TestAVMAKeys(t *testing.T) {
	for _, key := range []string{
		"YQB4H-NKHHJ-Q6K4R-4VMY6-VCH67", "WWVGQ-PNHV9-B89P4-8GGM9-9HPQ4", "6NMQ9-T38WF-6MFGM-QYGYM-88J4G", // 2025
		"W3GNR-8DDXR-2TFRP-H8P33-DV9BG", "ydfwn-mj9jr-3dyrk-fxxrw-78vhk", " F7TB6-YKN8Y-FCC6R-KQ484-VMK3J ", // 2022
		"H3RNG-8C32Q-Q8FRX-6TDXV-WMBMW", "TNK62-RXVTB-4P47B-2D623-4GF74", "2CTP7-NHT64-BP62M-FV6GG-HFV28", // 2019
		"TMJ3Y-NTRTM-FJYXT-T22BY-CWG3J", "C3RCX-M6NRP-6CXC9-TW2F2-4RHYD", "B4YNW-62DX9-W8V6M-82649-MHBKQ", // 2016
	} {
		if !IsAVMAKey(key) || !IsKeyForm(strings.TrimSpace(key)) {
			t.Errorf("%s is no AVMA key", key)
		}
	}
	if len(avmaKeys) != 12 || IsAVMAKey("WX4NM-KYWYW-QJJR4-XV3QB-6VM33") {
		t.Error("something else is an AVMA key")
	}
}

func TestTimeZones(t *testing.T) {
	winter, summer := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, windows, iana string
		winter, summer      time.Duration
	}{
		{"Korea Standard Time", "Korea Standard Time", "Asia/Seoul", 9 * time.Hour, 9 * time.Hour},
		{"asia/seoul", "Korea Standard Time", "Asia/Seoul", 9 * time.Hour, 9 * time.Hour},
		{"Asia/Tokyo", "Tokyo Standard Time", "Asia/Tokyo", 9 * time.Hour, 9 * time.Hour},
		{"Europe/Berlin", "W. Europe Standard Time", "Europe/Berlin", time.Hour, 2 * time.Hour},
		{"Asia/Kolkata", "India Standard Time", "Asia/Kolkata", 5*time.Hour + 30*time.Minute, 5*time.Hour + 30*time.Minute},
		{"America/New_York", "Eastern Standard Time", "America/New_York", -5 * time.Hour, -4 * time.Hour},
		{"Pacific Standard Time", "Pacific Standard Time", "America/Los_Angeles", -8 * time.Hour, -7 * time.Hour},
		{"Europe/Kyiv", "FLE Standard Time", "Europe/Kyiv", 2 * time.Hour, 3 * time.Hour},
		{"utc", "UTC", "Etc/UTC", 0, 0},
		{"Etc/UTC", "UTC", "Etc/UTC", 0, 0},
		{" Nepal Standard Time ", "Nepal Standard Time", "Asia/Katmandu", 5*time.Hour + 45*time.Minute, 5*time.Hour + 45*time.Minute},
	}
	for _, test := range tests {
		zone, err := LookupTimeZone(test.name)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if zone.Windows != test.windows || zone.IANA != test.iana || zone.OffsetAt(winter) != test.winter || zone.OffsetAt(summer) != test.summer {
			t.Errorf("%s: %s, %s, %v and %v", test.name, zone.Windows, zone.IANA, zone.OffsetAt(winter), zone.OffsetAt(summer))
		}
	}
	_, err := LookupTimeZone("Korea/Seoul")
	if err == nil || !strings.Contains(err.Error(), "Asia/Seoul") {
		t.Errorf("a wrong name is not answered with the right one: %v", err)
	}
	for _, wrong := range []string{"", "KST+9", "Middle Earth"} {
		if _, err := LookupTimeZone(wrong); err == nil {
			t.Errorf("%q passes for a time zone", wrong)
		}
	}
}

// A name of the tz database that no zone of Windows keeps the time of.
func TestZoneThatWindowsHasNot(t *testing.T) {
	for _, name := range []string{"Antarctica/Troll", "Factory"} {
		if _, err := LookupTimeZone(name); err == nil || !strings.Contains(err.Error(), "Windows has none that keeps its time") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "Local", "../etc/passwd"} {
		if _, err := LookupTimeZone(name); err == nil || !strings.Contains(err.Error(), "neither a Windows nor an IANA name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestYoungZones(t *testing.T) {
	for name := range zoneBuilds {
		if zone, err := LookupTimeZone(name); err != nil || zone.Windows != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]int{"America/Whitehorse": 19043, "Qyzylorda Standard Time": 18362, "Asia/Seoul": 0, "UTC": 0} {
		if zone, err := LookupTimeZone(name); err != nil || zone.FirstBuild() != want {
			t.Errorf("%s: %d, %v; want %d", name, zone.FirstBuild(), err, want)
		}
	}
}

// Every name of the table is one that the tz database knows, so that no
// Windows zone fails to load once it is chosen.
func TestTimeZoneTableAgainstTZData(t *testing.T) {
	if len(timeZones()) < 500 {
		t.Fatalf("only %d names", len(timeZones()))
	}
	for name, row := range timeZones() {
		if _, err := time.LoadLocation(row.iana); err != nil {
			t.Errorf("%s -> %s: %v", name, row.iana, err)
		}
	}
}

func TestLocales(t *testing.T) {
	korean, err := LookupLocale("KO-kr")
	if err != nil {
		t.Fatal(err)
	}
	if korean.Tag != "ko-KR" || korean.SetupInput != "0412:00000412" || !HasIME(korean.Input) || HasIME(korean.SetupInput) ||
		korean.TimeZone != "Korea Standard Time" || korean.Administrator != "Administrator" || korean.LayeredDriver != 0 {
		t.Errorf("Korean: %+v", korean)
	}
	japanese, err := LookupLocale("ja-JP")
	if err != nil || japanese.LayeredDriver != 6 || japanese.SetupInput != "0411:00000411" {
		t.Errorf("Japanese: %+v, %v", japanese, err)
	}
	french, err := LookupLocale("fr-FR")
	if err != nil || french.Administrator != "Administrateur" {
		t.Errorf("French: %+v, %v", french, err)
	}
	if _, err := LookupLocale("ko"); err == nil {
		t.Error("ko passes for a display language")
	}
	for _, row := range locales {
		locale, err := LookupLocale(row.tag)
		if err != nil {
			t.Fatal(err)
		}
		for _, input := range []string{locale.SetupInput, locale.Input} {
			if err := CheckInputLocale(input); err != nil {
				t.Errorf("%s: %v", row.tag, err)
			}
		}
		if _, err := LookupTimeZone(locale.TimeZone); err != nil {
			t.Errorf("%s: %v", row.tag, err)
		}
	}
}

// The keyboards of Microsoft's "Default input profiles", and the names of RID 500
// (vmware/packer-examples-for-vsphere#332), of languages that no golden file has.
func TestKeyboardsAndAdministrators(t *testing.T) {
	for tag, want := range map[string]struct{ setup, input, administrator string }{
		"de-DE": {"0407:00000407", "", "Administrator"},
		"sv-SE": {"041d:0000041d", "", "Administratör"},
		"fi-FI": {"040b:0000040b", "", "Järjestelmänvalvoja"},
		"fr-FR": {"040c:0000040c", "", "Administrateur"},
		"es-ES": {"0c0a:0000040a", "", "Administrador"},
		"pt-BR": {"0416:00000416", "", "Administrador"},
		"pt-PT": {"0816:00000816", "", "Administrador"},
		"hu-HU": {"040e:0000040e", "", "Rendszergazda"},
		"ru-RU": {"0419:00000419", "", "Администратор"},
		"it-IT": {"0410:00000410", "", "Administrator"},
		"nl-NL": {"0413:00020409", "", "Administrator"},
		"pl-PL": {"0415:00000415", "", "Administrator"},
		"fr-CA": {"0c0c:00001009", "", ""},
		"zh-CN": {"0804:00000804", "0804:{81d4e9c9-1d3b-41bc-9e6c-4b40bf79e35e}{fa550b04-5ad7-411f-a5ac-ca038ec515d7}", "Administrator"},
		"zh-TW": {"0404:00000404", "0404:{b115690a-ea02-48d5-a231-e3578d2fdf80}{b2f9c502-1742-11d4-9790-0080c882687e}", "Administrator"},
	} {
		if want.input == "" {
			want.input = want.setup
		}
		got, err := LookupLocale(tag)
		if err != nil || got.SetupInput != want.setup || !strings.EqualFold(got.Input, want.input) || got.Administrator != want.administrator {
			t.Errorf("%s: %+v, %v; want %+v", tag, got, err, want)
		}
	}
}

// TestLocaleNames holds the list against two other accounts of it: the display
// languages, and Wine's own file, whose copy may be of another version.
func TestLocaleNames(t *testing.T) {
	for _, row := range locales {
		if knownLocales().byID[row.lcid] != row.tag {
			t.Errorf("%s is %s, and in the list %s is %s", row.tag, row.lcid, row.lcid, knownLocales().byID[row.lcid])
		}
	}
	if n := len(knownLocales().names); n < 600 {
		t.Errorf("%d locales", n)
	}
	for _, right := range []string{"ko-KR", "KO-kr", " de-CH ", "sr-Latn-RS", "en-150", "ca-ES-valencia", "es-ES_tradnl", "en-DE"} {
		if err := CheckLocaleName(right); err != nil {
			t.Error(err)
		}
	}
	for wrong, want := range map[string]string{
		"": "such as ko-KR", "ko": "ko-KP, ko-KR", "ko_KR": "ko-KP, ko-KR", "de-KR": "de-AT, de-BE, de-CH", "en-KO": "en-AU", "xx-KR": "such as ko-KR", "Korea!": "such as ko-KR",
	} {
		if err := CheckLocaleName(wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", wrong, err, want)
		}
	}
	wine, err := os.ReadFile("/usr/share/wine/nls/locale.nls")
	if err != nil {
		t.Fatalf("no list to compare with: install the package libwine: %v", err)
	}
	for _, name := range knownLocales().names {
		if slices.Contains([]string{"sr-Cyrl-CS", "sr-Latn-CS", "tzm-Tfng-MA"}, name) {
			continue // former ones
		}
		b := make([]byte, 0, 2*len(name))
		for _, c := range []byte(name) {
			b = append(b, c, 0)
		}
		if !bytes.Contains(wine, b) {
			t.Errorf("Wine has no %s", name)
		}
	}
}

func TestCheckInputLocale(t *testing.T) {
	for _, right := range []string{
		"ko-KR", "en-US; ko-KR", "0412:00000412", "0409:00020409;0412:00000412", "1000:00000409", "0412:E0010412", "0455:00010c00",
		"0c0a:0000040a", "1004:00000804", "081a:0000081a", "0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}",
	} {
		if err := CheckInputLocale(right); err != nil {
			t.Error(err)
		}
	}
	for wrong, want := range map[string]string{
		"": "is no keyboard", "ko": "ko-KR", "bad": "such as ko-KR", "korean": "such as ko-KR", "0412:412": "is no keyboard",
		"0412:00000412;": "is no keyboard", "0412:{a028ae76}": "is no keyboard",
		"0421:00000412;0499:00000412": `"0499:00000412": 0499 is no language's identifier; 0412 is that of ko-KR`,
		"0412:00000999":               `no keyboard of Windows ends in 0999, which is no language's identifier; 0412 is that of ko-KR`,
		"0999:00000999":               "write a locale such as ko-KR",
		"0499:{a028ae76-01b1-46c2-99c4-acd9858ae02f}{b5fe1f02-d5f2-4445-9c03-c568f23c99a1}": "0499 is no language's identifier",
	} {
		if err := CheckInputLocale(wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", wrong, err, want)
		}
	}
}

func TestRandomPassword(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		password, err := RandomPassword(rand.Reader, "Administrator", "ab")
		if err != nil {
			t.Fatal(err)
		}
		if len(password) != PasswordLength || seen[password] {
			t.Fatalf("%q: %d characters, seen %v", password, len(password), seen[password])
		}
		seen[password] = true
		for _, class := range []string{passwordUpper, passwordLower, passwordDigit, passwordMark} {
			if !strings.ContainsAny(password, class) {
				t.Errorf("%q has none of %s", password, class)
			}
		}
		if strings.ContainsAny(password, "\"%&^<>$`'\\ ,;|()") || !strings.ContainsAny(password[:1], passwordUpper+passwordLower) {
			t.Errorf("%q holds what cmd or PowerShell treats specially", password)
		}
		if err := CheckPassword(password, "Administrator"); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestRandomPasswordAvoidsNames(t *testing.T) {
	// A source that first spells the name, then is random.
	name := "abc"
	index := func(c byte) byte {
		return byte(strings.IndexByte(passwordUpper+passwordLower+passwordDigit+passwordMark, c))
	}
	spell := []byte{index('a'), index('b'), index('c')}
	password, err := RandomPassword(io.MultiReader(bytes.NewReader(spell), rand.Reader), name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(password), name) {
		t.Errorf("%q holds %q", password, name)
	}
}

func TestRandomPasswordFailures(t *testing.T) {
	broken := errors.New("no entropy")
	if _, err := RandomPassword(io.MultiReader(strings.NewReader("abc"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a failing source: %v", err)
	}
	if _, err := RandomPassword(zeros{}); err == nil {
		t.Error("a source of zeros made a password")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestCheckPassword(t *testing.T) {
	good := []string{"Passw0rd!", `a&b<c>"d'9`, "비밀번호Abc1", "パスワードxY9!", "spaces are 0K here", "éÉ1111", "пАроль12"}
	for _, password := range good {
		if err := CheckPassword(password, "packer"); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
	// Letters with a case do not count as letters without one, nor does an emoji.
	bad := []string{"aé1111", "ÉA1111", "пароль12", "lower😀12", "lower€12", "", "aB3!", "alllowercase", "ALLUPPER12", "Xpacker1!", "Nul\x00Byte1!", "Tab\tBed1!", strings.Repeat("aB1", 43)}
	for _, password := range bad {
		if CheckPassword(password, "packer") == nil {
			t.Errorf("%q passes", password)
		}
	}
}

func TestOSType(t *testing.T) {
	for _, c := range []struct {
		build              int
		installation, want string
	}{
		{14393, "Server", "Windows Server 2016 (64-bit)"},
		{17763, "Server", "Windows Server 2019 (64-bit)"},
		{20348, "Server Core", "Windows Server 2022 (64-bit)"},
		{26100, "Server", "Windows Server 2025"},
		{25398, "Server Core", "Windows PV"},
		{19045, "Client", "Windows 10 (64-bit)"},
		{26100, "Client", "Windows 11 (64-bit)"},
	} {
		p, err := ProductOf(c.build, c.installation)
		if err != nil || p.OSType() != c.want {
			t.Errorf("%v: %q, %v; want %q", p, p.OSType(), err, c.want)
		}
	}
	if got := (Product{}).OSType(); got != AnyOSType() {
		t.Errorf("no product: %q", got)
	}
}
