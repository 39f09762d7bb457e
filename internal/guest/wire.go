package guest

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

//go:embed scripts/launcher.ps1
var launcher string

// ResultPrefix opens the one line of standard output that holds the result.
const ResultPrefix = "wintemplate-result:"

// Launcher is the command line that runs any operation. It is always the same:
// what is to be done comes on standard input (EncodeRequest). It is shorter
// than the 8,191 characters that cmd.exe takes.
//
// The lines are read through $input, as Ansible does: powershell.exe itself
// reads a redirected standard input, so that a script that read [Console]::In
// would get every other line.
func Launcher() string { return powershell(launcher) }

// LauncherFor is Launcher for a connection without standard input, such as
// Packer's own communicators: the request was put into a file of the guest,
// which the launcher deletes once it has read it. Path must hold no quote.
func LauncherFor(path string) string {
	return powershell("$WintemplateRequest = '" + path + "'\r\n" + launcher)
}

func powershell(script string) string {
	return "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand " + encodeCommand(script)
}

func encodeCommand(script string) string {
	units := utf16.Encode([]rune(script))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = append(b, byte(u), byte(u>>8))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Request is what the launcher reads: which operation, with which parameters,
// by which script.
type Request struct {
	Operation  string
	Parameters json.RawMessage
	Script     string
}

// EncodeRequest writes the three lines of base64, each ended by CRLF.
func EncodeRequest(r Request) []byte {
	var b bytes.Buffer
	for _, part := range [][]byte{[]byte(r.Operation), r.Parameters, []byte(r.Script)} {
		b.WriteString(base64.StdEncoding.EncodeToString(part))
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// DecodeRequest reads what EncodeRequest wrote.
func DecodeRequest(r io.Reader) (Request, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Request{}, fmt.Errorf("read the operation's request: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\r\n"), "\r\n")
	if len(lines) != 3 {
		return Request{}, fmt.Errorf("the operation's request has %d lines, expected 3 that end in CRLF", len(lines))
	}
	var parts [3][]byte
	for i, line := range lines {
		if parts[i], err = base64.StdEncoding.DecodeString(line); err != nil {
			return Request{}, fmt.Errorf("line %d of the operation's request: %w", i+1, err)
		}
	}
	if !json.Valid(parts[1]) {
		return Request{}, errors.New("line 2 of the operation's request is not JSON")
	}
	return Request{Operation: string(parts[0]), Parameters: parts[1], Script: string(parts[2])}, nil
}

// Envelope is the one JSON object that an operation answers with.
type Envelope struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	// Reboot asks for a restart before anything else is done.
	Reboot bool `json:"reboot"`
	// Error is there when OK is false.
	Error *Failure `json:"error,omitempty"`
}

// Failure is the reason that an operation gives for having failed.
type Failure struct {
	// Code is one word that programs compare, such as msi or not-found.
	Code string `json:"code"`
	// Message names the object, what was found and what to try.
	Message string `json:"message"`
	// Detail is what a program in the guest said: lines of a log.
	Detail string `json:"detail"`
}

// EncodeResult is the line of standard output that carries e, with its CRLF.
func EncodeResult(e Envelope) string {
	b, err := json.Marshal(e)
	if err != nil { // only a RawMessage that is no JSON fails
		b, _ = json.Marshal(Envelope{Error: &Failure{Code: "encode", Message: err.Error()}})
	}
	return ResultPrefix + base64.StdEncoding.EncodeToString(b) + "\r\n"
}

// ErrNoResult says that the process ended without the result line.
var ErrNoResult = errors.New("no result line")

// DecodeResult finds the result line in what the process wrote to standard
// output. Text around it is ignored; two result lines are an error.
func DecodeResult(stdout []byte) (Envelope, error) {
	var found []string
	for line := range strings.Lines(string(stdout)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), ResultPrefix); ok {
			found = append(found, rest)
		}
	}
	switch len(found) {
	case 0:
		return Envelope{}, ErrNoResult
	case 1:
	default:
		return Envelope{}, fmt.Errorf("%d result lines, expected one", len(found))
	}
	data, err := base64.StdEncoding.DecodeString(found[0])
	if err != nil {
		return Envelope{}, fmt.Errorf("the result line: %w", err)
	}
	return decodeEnvelope(data)
}

func decodeEnvelope(data []byte) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Envelope{}, fmt.Errorf("the result's JSON: %w", err)
	}
	if !e.OK && e.Error == nil {
		return Envelope{}, errors.New("the result is neither ok nor an error")
	}
	return e, nil
}
