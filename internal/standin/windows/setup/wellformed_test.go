package setup

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
)

// inUTF16 is a text in UTF-16 behind its byte order mark.
func inUTF16(order binary.AppendByteOrder, text string) []byte {
	out := order.AppendUint16(nil, 0xFEFF)
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// TestWellFormed puts files before Setup, before the plugin, and before xmllint,
// which knows XML and nothing else: all three take or refuse them.
func TestWellFormed(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is missing; apt-get install libxml2-utils")
	}
	const bom = "\ufeff"
	good, a := goodFile(t)
	text := string(good)
	with := func(from, to string) []byte {
		if !strings.Contains(text, from) {
			t.Fatalf("the file holds no %q", from)
		}
		return []byte(strings.Replace(text, from, to, 1))
	}
	const declared = `<?xml version="1.0" encoding="utf-8"?>`
	utf16Text := string(with("utf-8", "utf-16"))
	for name, c := range map[string]struct {
		data []byte
		good bool
	}{
		"as it is":                  {good, true},
		"no declaration":            {with(declared+"\n", ""), true},
		"no encoding":               {with(` encoding="utf-8"`, ""), true},
		"single quotes":             {with(declared, "<?xml version = '1.0' encoding='UTF-8' standalone='yes' ?>"), true},
		"comments around":           {with(declared, declared+"<!-- a --> "), true},
		"BOM":                       {[]byte(bom + text), true},
		"ASCII":                     {with("utf-8", "us-ascii"), true},
		"UTF-16LE":                  {inUTF16(binary.LittleEndian, utf16Text), true},
		"UTF-16BE":                  {inUTF16(binary.BigEndian, utf16Text), true},
		"UTF-16, undeclared":        {inUTF16(binary.LittleEndian, string(with(` encoding="utf-8"`, ""))), true},
		"a note of WSIM":            {with("</unattend>", `<cpi:offlineImage cpi:source="wim:c:/install.wim#Windows" xmlns:cpi="urn:schemas-microsoft-com:cpi"><cpi:x/></cpi:offlineImage></unattend>`), true},
		"apostrophes in an element": {with("<FullName>packer", "<FullName>it's \"x\"y"), true},
		"quotes in an attribute":    {with(`wcm:keyValue="1"`, `wcm:keyValue='a"b"c' `), true},

		"blank line before":         {[]byte("\n" + text), false},
		"space before":              {[]byte(" " + text), false},
		"comment before":            {[]byte("<!-- a -->" + text), false},
		"two BOMs":                  {[]byte(bom + bom + text), false},
		"two BOMs of UTF-16":        {inUTF16(binary.LittleEndian, bom+utf16Text), false},
		"BOM at the end":            {[]byte(text + bom), false},
		"text before the root":      {with(declared, declared+"x"), false},
		"text behind the root":      {[]byte(text + "x"), false},
		"a reference behind":        {[]byte(text + "&#32;"), false},
		"CDATA behind":              {[]byte(text + "<![CDATA[ ]]>"), false},
		"a second root":             {[]byte(text + "<x/>"), false},
		"a second end":              {[]byte(text + "</unattend>"), false},
		"declared twice":            {with(declared, declared+declared), false},
		"declared in capitals":      {with("<?xml ", "<?XML "), false},
		"declared without version":  {with(` version="1.0"`, ""), false},
		"declared in wrong order":   {with(`version="1.0" encoding="utf-8"`, `encoding="utf-8" version="1.0"`), false},
		"attribute twice":           {with(` wcm:action="add"`, ` wcm:action="add" wcm:action="add"`), false},
		"attribute by two prefixes": {with(` wcm:action="add"`, ` xmlns:w="http://schemas.microsoft.com/WMIConfig/2002/State" wcm:action="add" w:action="add"`), false},
		"attributes without space":  {with(` wcm:action="add" wcm:keyValue=`, ` wcm:action="add"wcm:keyValue=`), false},
		"prefix of an attribute":    {with(` wcm:action="add"`, ` wcm:action="add" other:action="add"`), false},
		"prefix of an element":      {with("</unattend>", "<cpi:x/></unattend>"), false},
		"UTF-16 declared":           {with("utf-8", "utf-16"), false},
		"Latin-1":                   {with("<FullName>packer", "<FullName>p\xe4cker"), false},
		"unclosed":                  {with("</unattend>", ""), false},
		"ampersand":                 {with("<FullName>packer", "<FullName>a & b"), false},
		"an entity of HTML":         {with("<FullName>packer", "<FullName>&nbsp;"), false},
		"empty":                     {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, screen := Parse(`E:\Autounattend.xml`, c.data)
			if (screen == nil) != c.good {
				t.Errorf("Setup: %v", screen)
			}
			if screen != nil && (screen.ID != "unattend-parse" || screen.Log == "") {
				t.Errorf("screen %+v", screen)
			}
			if _, err := answerfile.ReadFile(c.data); (err == nil) != c.good {
				t.Errorf("the plugin reads it: %v", err)
			}
			if err := answerfile.CheckFile(c.data, a); c.good && err != nil {
				t.Errorf("the plugin finds: %v", err)
			}
			file := filepath.Join(t.TempDir(), "unattend.xml")
			if err := os.WriteFile(file, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			command := exec.CommandContext(t.Context(), xmllint, "--nonet", "--noout", file)
			command.Stderr = &said
			// Of a namespace that nothing declares xmllint warns only.
			err := command.Run()
			if (err == nil && !strings.Contains(said.String(), "namespace error")) != c.good {
				t.Errorf("xmllint: %v %s", err, said.String())
			}
		})
	}
}

// TestMoreThanWellFormed: what xmllint guesses at, or takes, and Windows' parser
// (XmlLite) is not known to: it prohibits DTDs.
func TestMoreThanWellFormed(t *testing.T) {
	good, _ := goodFile(t)
	text := strings.Replace(string(good), "utf-8", "utf-16", 1)
	for name, data := range map[string][]byte{
		"DOCTYPE":              bytes.Replace(good, []byte("<unattend "), []byte("<!DOCTYPE unattend>\n<unattend "), 1),
		"UTF-16, cut off":      append(inUTF16(binary.LittleEndian, text), 0x20),
		"UTF-16, half a pair":  append(inUTF16(binary.LittleEndian, text), 0x00, 0xD8),
		"UTF-16 without a BOM": inUTF16(binary.LittleEndian, text)[2:],
	} {
		if _, screen := Parse("E", data); screen == nil {
			t.Errorf("%s: Setup reads it", name)
		}
		if _, err := answerfile.ReadFile(data); err == nil {
			t.Errorf("%s: the plugin reads it", name)
		}
	}
}
