package answerfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// CheckFile names every defect of a user's own Autounattend.xml at once, or
// returns nil: what Setup would stop at, wait for or read otherwise, and what
// the build needs of it. Of the answers only Product, Firmware, Image and
// InstallMethod count.
func CheckFile(data []byte, a Answers) error {
	root, err := parse(data)
	if err != nil {
		return err
	}
	defects := checkWhole(root, a)
	return defects.err()
}

// checkWhole finds the defects of a complete answer file.
func checkWhole(root *node, a Answers) problems {
	var p problems
	p = append(p, checkDocument(root, a.Product, a.Image.Architecture)...)
	f := userFile{root: root, a: a, p: &p}
	if a.InstallMethod == MethodApply {
		f.applied()
	} else {
		f.languages()
		f.disk()
		f.image()
		f.licence()
		f.drivers()
	}
	f.keys()
	f.accounts()
	f.always()
	return p
}

// always finds what is a defect whatever the medium holds.
func (f userFile) always() {
	f.pages()
	f.course()
	f.locales()
	f.keyForms()
	f.commands()
	f.names()
	f.welcome()
	f.firstLogon()
	if f.pass(passGeneralize) != nil {
		f.p.add("generalize", "the pass belongs into the file for sysprep: from here it stays in C:\\Windows\\Panther, and sysprep takes it from there")
	}
}

// CheckFileForm names the defects that a user's own Autounattend.xml has
// whatever the medium holds. CheckFile names the others as well.
func CheckFileForm(data []byte) error {
	root, err := parse(data)
	if err != nil {
		return err
	}
	var p problems
	p = append(p, formDefects(root)...)
	userFile{root: root, p: &p}.always()
	return p.err()
}

// formDefects are those that a document has on servers and on clients.
func formDefects(root *node) []error {
	onClient := map[string]bool{}
	for _, defect := range checkDocument(root, windows.Product{}, amd64) {
		onClient[defect.Error()] = true
	}
	return slices.DeleteFunc(checkDocument(root, windows.Product{Server: true}, amd64), func(defect error) bool {
		return !onClient[defect.Error()]
	})
}

// amd64 is the only architecture that is supported.
const amd64 = "amd64"

type userFile struct {
	root *node
	a    Answers
	p    *problems
}

func (f userFile) pass(name string) *node {
	for _, s := range f.root.kids {
		if s.name == "settings" && s.attr("pass") == name {
			return s
		}
	}
	return nil
}

// component is a component of a pass, nil where there is none; a nil node's
// methods find nothing.
func (f userFile) component(pass, name string) *node {
	settings := f.pass(pass)
	if settings == nil {
		return nil
	}
	for _, c := range settings.kids {
		if c.name == "component" && strings.EqualFold(c.attr("name"), name) {
			return c
		}
	}
	return nil
}

// children are the elements of a node that may be nil.
func (n *node) children() []*node {
	if n == nil {
		return nil
	}
	return n.kids
}

func (f userFile) image() {
	from := f.component(passWindowsPE, componentSetup).find("ImageInstall/OSImage/InstallFrom")
	found := false
	for _, data := range from.children() {
		key, value := strings.TrimSpace(data.value("Key")), strings.TrimSpace(data.value("Value"))
		if upper := strings.ToUpper(key); upper != key {
			f.p.add("ImageInstall/OSImage/InstallFrom", "key %q; Microsoft's examples have %s, and no other case is known to work", key, upper)
		}
		switch strings.ToUpper(key) {
		case "/IMAGE/INDEX":
			found = true
			if value != strconv.Itoa(f.a.Image.Index) {
				f.p.add("ImageInstall/OSImage/InstallFrom", "/IMAGE/INDEX %s, but the build resolved to image %d", value, f.a.Image.Index)
			}
		case "/IMAGE/NAME":
			found = true
			if f.a.Image.Name != "" && value != f.a.Image.Name {
				f.p.add("ImageInstall/OSImage/InstallFrom", "/IMAGE/NAME %q, but the image's NAME is %q (tools print DISPLAYNAME): \"No images are available\"", value, f.a.Image.Name)
			}
		case "/IMAGE/DESCRIPTION":
			found = true
		}
	}
	if !found && f.a.Image.Editions > 1 {
		f.p.add("ImageInstall/OSImage/InstallFrom", "missing, but the medium holds %d images; Setup stops at its edition page", f.a.Image.Editions)
	}
	to := f.component(passWindowsPE, componentSetup).find("ImageInstall/OSImage")
	if place := to.child("InstallTo"); place != nil && (place.child("DiskID") == nil || place.child("PartitionID") == nil) {
		f.p.add("ImageInstall/OSImage/InstallTo", "has not both of DiskID and PartitionID; Setup stops at its disk page")
	}
	if to.child("InstallTo") == nil && !strings.EqualFold(strings.TrimSpace(to.value("InstallToAvailablePartition")), "true") {
		f.p.add("ImageInstall/OSImage/InstallTo", "missing; Setup stops at its disk page")
	}
}

func (f userFile) licence() {
	if !f.component(passWindowsPE, componentSetup).isTrue("UserData/AcceptEula") {
		f.p.add("UserData/AcceptEula", "not true; Setup stops at the licence page")
	}
}

func (f userFile) drivers() {
	paths := f.component(passWindowsPE, componentWinPEDrivers).find("DriverPaths")
	byItself := f.a.Product.DriversIn() == windows.WinPEDriver
	switch {
	case byItself && len(paths.children()) > 0:
		f.p.add("DriverPaths", "given, but Setup of build %d finds the answer disc's drivers in $WinPEDriver$ by itself, and from 26100 on aborts with 0x80070103 at one that it is offered twice; leave the component out", f.a.Product.Build)
	case !byItself && len(paths.children()) == 0:
		f.p.add("DriverPaths", `missing; Setup of build %d finds the answer disc's drivers only there: list D:\drivers to G:\drivers`, f.a.Product.Build)
	case !byItself && !slices.ContainsFunc(paths.children(), onAnswerDisc):
		f.p.add("DriverPaths", `none of them leads to the answer disc's folder drivers, whose letter is not known before: list D:\drivers to G:\drivers`)
	}
}

// onAnswerDisc tells whether an entry of DriverPaths is a folder of the answer
// disc's drivers, on whatever letter.
func onAnswerDisc(entry *node) bool {
	_, folder, ok := strings.Cut(strings.ToLower(strings.TrimSpace(entry.value("Path"))), `:\`)
	return ok && (folder == "drivers" || strings.HasPrefix(folder, `drivers\`))
}

// applied: with MethodApply one script does all of Setup's work, and never
// comes back; whatever else stands in the pass would bring Setup's pages up.
func (f userFile) applied() {
	for _, component := range f.pass(passWindowsPE).children() {
		for _, n := range component.kids {
			if n.name != "RunSynchronous" || len(n.kids) != 1 || n.kids[0].value("Path") != applyCommand {
				f.p.add("windowsPE/"+component.attr("name")+"/"+n.name, "given, but with install_method = \"apply\" the pass holds the one command that installs Windows; leave it out, or use \"setup\"")
			}
		}
	}
}

func (f userFile) commands() {
	for _, settings := range f.root.kids {
		for _, component := range settings.kids {
			for _, entry := range component.find("RunSynchronous").children() {
				if n := characters(entry.value("Path")); n > maxRunSynchronous {
					f.p.add(settings.attr("pass")+"/"+component.attr("name")+"/RunSynchronous", "a command of %d characters; more than %d are not sure to run", n, maxRunSynchronous)
				}
			}
		}
	}
}

func (f userFile) firstLogon() {
	shell := f.component(passOOBE, componentShell)
	if !strings.EqualFold(strings.TrimSpace(shell.value("AutoLogon/Enabled")), "true") {
		f.p.add("AutoLogon", "not enabled; without a first logon nothing opens WinRM")
	}
	commands := shell.find("FirstLogonCommands").children()
	bootstrap := false
	for _, c := range commands {
		bootstrap = bootstrap || strings.Contains(strings.ToLower(c.value("CommandLine")), `wintemplate\bootstrap.ps1`)
	}
	if !bootstrap {
		f.p.add("FirstLogonCommands", "none of them runs wintemplate\\bootstrap.ps1 from the answer disc, so nothing opens WinRM; add: %s", firstLogonCommand)
	}
	if len(commands) > 1 {
		f.p.add("FirstLogonCommands", "%d commands, which Windows starts all at once; keep the bootstrap's, and put the others into first_logon_commands", len(commands))
	}
}

// Defects lists the errors that CheckFile or Validate joined, one by one.
func Defects(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{fmt.Errorf("%w", err)}
}
