package winrm

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"fmt"
)

// reply is the body of a good answer.
type reply struct {
	action string
	body   []byte // XML inside s:Body; prefixes a, w, x and rsp are declared
}

func (r *reply) envelope(m *message) []byte {
	b := bytes.NewBuffer(make([]byte, 0, len(r.body)+1024))
	openEnvelope(b, m, r.action)
	b.WriteString("<s:Body>")
	b.Write(r.body)
	b.WriteString("</s:Body></s:Envelope>")
	return b.Bytes()
}

func openEnvelope(b *bytes.Buffer, m *message, action string) {
	b.WriteString(`<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `" xmlns:a="` + nsAddressing + `" xmlns:x="` + nsTransfer + `" xmlns:w="` + nsWSMan + `" xmlns:rsp="` + nsShell + `" xmlns:p="` + nsMSWSMan + `"><s:Header><a:Action>` + action + `</a:Action><a:MessageID>uuid:` + newID() + `</a:MessageID><a:To>` + anonymous + `</a:To>`)
	if m != nil {
		b.WriteString(`<a:RelatesTo>`)
		escape(b, m.id)
		b.WriteString(`</a:RelatesTo>`)
	}
	b.WriteString(`</s:Header>`)
}

func escape(b *bytes.Buffer, text string) { _ = xml.EscapeText(b, []byte(text)) }

// newID returns a random UUID in upper case, as Windows writes them.
func newID() string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
