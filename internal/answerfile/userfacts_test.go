package answerfile

import (
	"slices"
	"strings"
	"testing"
)

// TestReadFileReadsWhatIsGenerated: the hidden form of a password is read back.
func TestReadFileReadsWhatIsGenerated(t *testing.T) {
	const password = `Geh&im<4711>"x"`
	fragment := `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup">` +
		`<AutoLogon><Username> .\builder </Username><Domain>.</Domain><Password><Value>` + hidden(password, "Password") + `</Value><PlainText>false</PlainText></Password></AutoLogon>` +
		`<UserAccounts><AdministratorPassword><Value>Plain-Text-1</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>` +
		`<TimeZone>Korea Standard Time</TimeZone></component>` +
		`<component name="Microsoft-Windows-International-Core"><UILanguage>ko-KR</UILanguage></component></settings></unattend>`
	facts, err := ReadFile([]byte(fragment))
	if err != nil {
		t.Fatal(err)
	}
	if facts.Account != "builder" || facts.Password != password || facts.Language != "ko-KR" || facts.TimeZone != "Korea Standard Time" || facts.ComputerName != "" || facts.Domain != "" {
		t.Errorf("account %q, password right %v, language %q, zone %q, computer %q",
			facts.Account, facts.Password == password, facts.Language, facts.TimeZone, facts.ComputerName)
	}
	if !slices.Equal(facts.Secrets, []string{password, "Plain-Text-1"}) {
		t.Errorf("%d secrets", len(facts.Secrets))
	}
	if strings.Contains(facts.GoString(), password) {
		t.Error("the password is printed")
	}
}

func TestReadFileRefusesWhatIsNoXML(t *testing.T) {
	if _, err := ReadFile([]byte("no XML")); err == nil {
		t.Error("no error")
	}
}
