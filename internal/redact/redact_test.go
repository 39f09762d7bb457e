package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

// secret has a character that each of the escapes changes.
const secret = `Pa"s&w<0>rd+한국어=X`

func TestEveryFormIsMasked(t *testing.T) {
	Add(secret)
	inJSON, _ := json.Marshal(map[string]string{"p": secret})
	var inXML bytes.Buffer
	_ = xml.EscapeText(&inXML, []byte(secret))
	forms := map[string]string{
		"plain": secret,
		"JSON":  string(inJSON),
		"XML":   inXML.String(),
		"query": url.QueryEscape(secret),
		"path":  url.PathEscape(secret),
	}
	for _, before := range []string{"", "a", "ab", "abc"} {
		for _, behind := range []string{"", "x", "AdministratorPassword"} {
			name := fmt.Sprintf("%q behind %q", behind, before)
			forms["base64 "+name] = base64.StdEncoding.EncodeToString([]byte(before + secret + behind))
			forms["UTF-16 base64 "+name] = base64.StdEncoding.EncodeToString(utf16le(before + secret + behind))
		}
	}
	for name, text := range forms {
		got := String("before " + text + " after")
		if !strings.Contains(got, Mask) {
			t.Errorf("%s: nothing masked in %q", name, got)
		}
		if strings.Contains(got, secret) {
			t.Errorf("%s: the secret is still there: %q", name, got)
		}
	}
}

func TestLongerSecretWins(t *testing.T) {
	Add("abcdef")
	Add("abcdefghij")
	if got := String("x abcdefghij y"); got != "x "+Mask+" y" {
		t.Errorf("got %q", got)
	}
}

func TestShortIsLeftAlone(t *testing.T) {
	Add("ab")
	if got := String("cab about"); got != "cab about" {
		t.Errorf("got %q", got)
	}
}

func TestWriterAcrossWrites(t *testing.T) {
	Add("hunter2-hunter2")
	var out bytes.Buffer
	w := Writer(&out)
	for _, part := range []string{"pass hunter2", "-hunter2 end\nnext ", "hunter2-hunter2"} {
		if n, err := io.WriteString(w, part); err != nil || n != len(part) {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if err := Flush(w); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "pass "+Mask+" end\nnext "+Mask; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorKeepsItsKind(t *testing.T) {
	Add("s3cr3t-in-error")
	err := Error(fmt.Errorf("logon with s3cr3t-in-error: %w", io.ErrUnexpectedEOF))
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("message: %v", err)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("errors.Is no longer sees the cause")
	}
	if Error(nil) != nil {
		t.Error("Error(nil) is not nil")
	}
}
