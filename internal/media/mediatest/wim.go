package mediatest

import (
	"encoding/binary"
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

// WIM gives the header and the XML of a WIM with images, and no content.
func WIM(images ...wim.Image) []byte {
	text := utf16LE(wimXML(images))
	b := make([]byte, wim.HeaderSize+len(text))
	copy(b, wim.Magic)
	le := binary.LittleEndian
	le.PutUint32(b[0x08:], wim.HeaderSize)
	le.PutUint32(b[0x0c:], wim.VersionDefault)
	le.PutUint16(b[0x28:], 1)
	le.PutUint16(b[0x2a:], 1)
	le.PutUint32(b[0x2c:], uint32(len(images)))
	le.PutUint64(b[0x48:], uint64(len(text))|0x02<<56) // metadata
	le.PutUint64(b[0x50:], wim.HeaderSize)
	le.PutUint64(b[0x58:], uint64(len(text)))
	copy(b[wim.HeaderSize:], text)
	return b
}

func utf16LE(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func wimXML(images []wim.Image) string {
	var b strings.Builder
	element := func(name, value string) {
		if value != "" {
			b.WriteString("<" + name + ">")
			_ = xml.EscapeText(&b, []byte(value))
			b.WriteString("</" + name + ">")
		}
	}
	number := func(name string, n int64) { element(name, strconv.FormatInt(n, 10)) }
	arch := map[string]string{"x86": "0", "arm": "5", "amd64": "9", "arm64": "12"}
	b.WriteString("<WIM>")
	for _, x := range images {
		b.WriteString(`<IMAGE INDEX="` + strconv.Itoa(x.Index) + `">`)
		number("TOTALBYTES", x.TotalBytes)
		b.WriteString("<WINDOWS>")
		element("ARCH", arch[x.Architecture])
		element("PRODUCTNAME", x.ProductName)
		element("EDITIONID", x.EditionID)
		element("INSTALLATIONTYPE", x.InstallationType)
		b.WriteString("<LANGUAGES>")
		for _, l := range x.Languages {
			element("LANGUAGE", l)
		}
		element("DEFAULT", x.DefaultLanguage)
		b.WriteString("</LANGUAGES><VERSION>")
		number("MAJOR", int64(x.Major))
		number("MINOR", int64(x.Minor))
		number("BUILD", int64(x.Build))
		number("SPBUILD", int64(x.SPBuild))
		b.WriteString("</VERSION></WINDOWS>")
		element("NAME", x.Name)
		element("DESCRIPTION", x.Description)
		element("FLAGS", x.Flags)
		element("DISPLAYNAME", x.DisplayName)
		element("DISPLAYDESCRIPTION", x.DisplayDescription)
		b.WriteString("</IMAGE>")
	}
	b.WriteString("</WIM>")
	return b.String()
}

// Server2022Eval are the images of Microsoft's evaluation ISO of Windows Server
// 2022: core and desktop editions share their edition ids, and NAME says nothing
// of evaluation.
func Server2022Eval() []wim.Image {
	var out []wim.Image
	for i, x := range []struct{ word, edition, display, kind string }{
		{"SERVERSTANDARDCORE", "ServerStandardEval", "Standard Evaluation", "Server Core"},
		{"SERVERSTANDARD", "ServerStandardEval", "Standard Evaluation (Desktop Experience)", "Server"},
		{"SERVERDATACENTERCORE", "ServerDatacenterEval", "Datacenter Evaluation", "Server Core"},
		{"SERVERDATACENTER", "ServerDatacenterEval", "Datacenter Evaluation (Desktop Experience)", "Server"},
	} {
		flags := x.edition
		if x.kind == "Server Core" {
			flags += "Core"
		}
		out = append(out, wim.Image{
			Index: i + 1, Name: "Windows Server 2022 " + x.word, Description: "Windows Server 2022 " + x.word,
			DisplayName: "Windows Server 2022 " + x.display, DisplayDescription: "Windows Server 2022", Flags: flags,
			Architecture: "amd64", ProductName: "Microsoft® Windows® Operating System", EditionID: x.edition, InstallationType: x.kind,
			Languages: []string{"en-US"}, DefaultLanguage: "en-US", Major: 10, Build: 20348, SPBuild: 587, TotalBytes: 9 << 30,
		})
	}
	return out
}

// Windows11 are images of a multi-edition ISO of Windows 11 in a language.
func Windows11(language string) []wim.Image {
	var out []wim.Image
	for i, x := range []struct{ name, edition string }{
		{"Windows 11 Home", "Core"},
		{"Windows 11 Home N", "CoreN"},
		{"Windows 11 Education", "Education"},
		{"Windows 11 Pro", "Professional"},
		{"Windows 11 Pro N", "ProfessionalN"},
	} {
		out = append(out, wim.Image{
			Index: i + 1, Name: x.name, Description: x.name, DisplayName: x.name, Flags: x.edition, Architecture: "amd64",
			EditionID: x.edition, InstallationType: "Client", Languages: []string{language}, DefaultLanguage: language,
			Major: 10, Build: 26100, SPBuild: 1742, TotalBytes: 17 << 30,
		})
	}
	return out
}
