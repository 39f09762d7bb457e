package winrm

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/masterzen/winrm/soap"
)

// The library's request builders are not used for these: its Command wraps the
// line in CDATA without escaping "]]>" and asks for console mode always.

// maxEnvelope is Windows' default MaxEnvelopeSizekb (500), which bounds
// requests and, as we name it, answers.
const maxEnvelope = 500 * 1024

type option struct{ name, value string }

// message is an envelope in the making.
type message struct {
	url     string
	timeout time.Duration
	op      operation
	shell   string
	options []option
	body    string // XML; namespace prefix rsp is declared
}

func (m message) head() *bytes.Buffer {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="` + soap.NS_SOAP_ENV + `" xmlns:a="` + soap.NS_ADDRESSING + `" xmlns:rsp="` + soap.NS_WIN_SHELL + `" xmlns:w="` + soap.NS_WSMAN_DMTF + `" xmlns:p="` + soap.NS_WSMAN_MSFT + `"><env:Header><a:To>`)
	escape(&b, m.url)
	b.WriteString(`</a:To><a:ReplyTo><a:Address env:mustUnderstand="true">` + soap.NS_ADDRESSING + `/role/anonymous</a:Address></a:ReplyTo>`)
	b.WriteString(`<w:MaxEnvelopeSize env:mustUnderstand="true">` + strconv.Itoa(maxEnvelope) + `</w:MaxEnvelopeSize>`)
	b.WriteString(`<w:OperationTimeout>` + isoDuration(m.timeout) + `</w:OperationTimeout>`)
	b.WriteString(`<a:MessageID>uuid:` + newUUID() + `</a:MessageID>`)
	b.WriteString(`<w:Locale env:mustUnderstand="false" xml:lang="en-US"/><p:DataLocale env:mustUnderstand="false" xml:lang="en-US"/>`)
	b.WriteString(`<a:Action env:mustUnderstand="true">` + m.op.action + `</a:Action><w:ResourceURI env:mustUnderstand="true">` + resourceCmd + `</w:ResourceURI>`)
	if m.shell != "" {
		b.WriteString(`<w:SelectorSet><w:Selector Name="ShellId">`)
		escape(&b, m.shell)
		b.WriteString(`</w:Selector></w:SelectorSet>`)
	}
	if len(m.options) > 0 {
		b.WriteString(`<w:OptionSet>`)
		for _, o := range m.options {
			b.WriteString(`<w:Option Name="` + o.name + `">` + o.value + `</w:Option>`)
		}
		b.WriteString(`</w:OptionSet>`)
	}
	b.WriteString(`</env:Header><env:Body>`)
	return &b
}

const envelopeEnd = `</env:Body></env:Envelope>`

func (m message) bytes() []byte {
	b := m.head()
	b.WriteString(m.body)
	b.WriteString(envelopeEnd)
	return b.Bytes()
}

func createMessage() message {
	return message{
		op:      opCreate,
		options: []option{{"WINRS_NOPROFILE", "FALSE"}, {"WINRS_CODEPAGE", "65001"}},
		body:    `<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>`,
	}
}

// commandMessage starts a command line. With stdin, console mode is off: in
// console mode Windows makes key strokes of the bytes; Ansible's winrm
// connection turns it off whenever it streams.
func commandMessage(shell, line string, stdin bool) message {
	console := "TRUE"
	if stdin {
		console = "FALSE"
	}
	return message{
		op:      opCommand,
		shell:   shell,
		options: []option{{"WINRS_CONSOLEMODE_STDIN", console}, {"WINRS_SKIP_CMD_SHELL", "FALSE"}},
		body:    `<rsp:CommandLine><rsp:Command>` + escaped(line) + `</rsp:Command></rsp:CommandLine>`,
	}
}

func receiveMessage(shell, command string) message {
	return message{op: opReceive, shell: shell, body: `<rsp:Receive><rsp:DesiredStream CommandId="` + escaped(command) + `">stdout stderr</rsp:DesiredStream></rsp:Receive>`}
}

func signalMessage(shell, command string) message {
	return message{op: opSignal, shell: shell, body: `<rsp:Signal CommandId="` + escaped(command) + `"><rsp:Code>` + soap.NS_WIN_SHELL + `/signal/terminate</rsp:Code></rsp:Signal>`}
}

func deleteMessage(shell string) message { return message{op: opDelete, shell: shell} }

// sendBytes builds the envelope of a Send around data in one allocation.
func sendBytes(m message, command string, data []byte, end bool) []byte {
	b := m.head()
	b.WriteString(`<rsp:Send><rsp:Stream Name="stdin" CommandId="` + escaped(command) + `"`)
	if end {
		b.WriteString(` End="true"`)
	}
	b.WriteString(`>`)
	b.Grow(base64.StdEncoding.EncodedLen(len(data)) + 128)
	b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), data))
	b.WriteString(`</rsp:Stream></rsp:Send>` + envelopeEnd)
	return b.Bytes()
}

func escape(b *bytes.Buffer, text string) { _ = xml.EscapeText(b, []byte(text)) }

func escaped(text string) string {
	var b bytes.Buffer
	escape(&b, text)
	return b.String()
}

// isoDuration writes d as an xs:duration of seconds.
func isoDuration(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"
}

// withOperationTimeout returns a library-built envelope with its
// OperationTimeout, or none, replaced. The first one is the header's: the body,
// where a command line might hold anything, comes after it.
func withOperationTimeout(envelope string, d time.Duration) (string, error) {
	const open, end = "<w:OperationTimeout>", "</w:OperationTimeout>"
	header, _, found := strings.Cut(envelope, "</env:Header>")
	if !found {
		return "", errors.New("the WinRM library built an envelope without a header")
	}
	value := open + isoDuration(d) + end
	if i := strings.Index(header, open); i >= 0 {
		j := strings.Index(header[i:], end)
		if j < 0 {
			return "", errors.New("the WinRM library built an envelope whose OperationTimeout is not closed")
		}
		return envelope[:i] + value + envelope[i+j+len(end):], nil
	}
	return header + value + envelope[len(header):], nil
}

func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
