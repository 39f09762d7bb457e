package wim

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Image is one <IMAGE> of the XML.
type Image struct {
	Index                                              int
	Name, Description, DisplayName, DisplayDescription string
	Flags                                              string
	// Architecture is amd64, x86, arm64, arm, or the XML's number.
	Architecture                             string
	ProductName, EditionID, InstallationType string
	Languages                                []string
	DefaultLanguage                          string
	Major, Minor, Build, SPBuild, SPLevel    int
	TotalBytes                               int64
}

type xmlWIM struct {
	XMLName xml.Name   `xml:"WIM"`
	Images  []xmlImage `xml:"IMAGE"`
}

type xmlImage struct {
	Index              string `xml:"INDEX,attr"`
	Name               string `xml:"NAME"`
	Description        string `xml:"DESCRIPTION"`
	DisplayName        string `xml:"DISPLAYNAME"`
	DisplayDescription string `xml:"DISPLAYDESCRIPTION"`
	Flags              string `xml:"FLAGS"`
	TotalBytes         string `xml:"TOTALBYTES"`
	Windows            struct {
		Arch             string `xml:"ARCH"`
		ProductName      string `xml:"PRODUCTNAME"`
		EditionID        string `xml:"EDITIONID"`
		InstallationType string `xml:"INSTALLATIONTYPE"`
		Languages        struct {
			Language []string `xml:"LANGUAGE"`
			Default  string   `xml:"DEFAULT"`
		} `xml:"LANGUAGES"`
		Version struct {
			Major   string `xml:"MAJOR"`
			Minor   string `xml:"MINOR"`
			Build   string `xml:"BUILD"`
			SPBuild string `xml:"SPBUILD"`
			SPLevel string `xml:"SPLEVEL"`
		} `xml:"VERSION"`
	} `xml:"WINDOWS"`
}

func parseXML(text []byte) ([]Image, error) {
	plain, err := fromUTF16(text)
	if err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(plain))
	// an XML declaration would say utf-16, which it no longer is
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var doc xmlWIM
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("the WIM's XML: %w", err)
	}
	if n := len(doc.Images); n > maxImages {
		return nil, fmt.Errorf("the WIM's XML: %d images, more than %d; the file is damaged", n, maxImages)
	}
	var out []Image
	for i := range doc.Images {
		image, err := doc.Images[i].image()
		if err != nil {
			return nil, err
		}
		out = append(out, image)
	}
	return out, nil
}

func (x *xmlImage) image() (Image, error) {
	index, err := strconv.Atoi(strings.TrimSpace(x.Index))
	if err != nil || index < 1 {
		return Image{}, fmt.Errorf("the WIM's XML: an image has index %q", x.Index)
	}
	w := &x.Windows
	image := Image{
		Index:              index,
		Name:               strings.TrimSpace(x.Name),
		Description:        strings.TrimSpace(x.Description),
		DisplayName:        strings.TrimSpace(x.DisplayName),
		DisplayDescription: strings.TrimSpace(x.DisplayDescription),
		Flags:              strings.TrimSpace(x.Flags),
		Architecture:       architecture(strings.TrimSpace(w.Arch)),
		ProductName:        strings.TrimSpace(w.ProductName),
		EditionID:          strings.TrimSpace(w.EditionID),
		InstallationType:   strings.TrimSpace(w.InstallationType),
		DefaultLanguage:    strings.TrimSpace(w.Languages.Default),
		Major:              number(w.Version.Major),
		Minor:              number(w.Version.Minor),
		Build:              number(w.Version.Build),
		SPBuild:            number(w.Version.SPBuild),
		SPLevel:            number(w.Version.SPLevel),
		TotalBytes:         int64(number(x.TotalBytes)),
	}
	for _, l := range w.Languages.Language {
		image.Languages = append(image.Languages, strings.TrimSpace(l))
	}
	return image, nil
}

// architecture names the ARCH number, which is a PROCESSOR_ARCHITECTURE value.
func architecture(arch string) string {
	switch arch {
	case "0":
		return "x86"
	case "5":
		return "arm"
	case "9":
		return "amd64"
	case "12":
		return "arm64"
	}
	return arch
}

// number reads a decimal; what is none counts as unknown, 0.
func number(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// fromUTF16 turns UTF-16LE with a byte order mark into UTF-8.
func fromUTF16(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != 0xff || b[1] != 0xfe {
		return nil, fmt.Errorf("the WIM's XML is not UTF-16LE with a byte order mark")
	}
	if len(b)%2 != 0 {
		b = b[:len(b)-1]
	}
	u := make([]uint16, 0, len(b)/2-1)
	for i := 2; i < len(b); i += 2 {
		u = append(u, uint16(b[i])|uint16(b[i+1])<<8)
	}
	return []byte(strings.TrimRight(string(utf16.Decode(u)), "\x00")), nil
}
