package answerfile

import (
	"fmt"
	"strings"
)

// The fields that hold fragments.
const (
	setupFragments   = "answer_file_fragment"
	sysprepFragments = "unattend_fragments"
)

// checkFragment names what is wrong with fragment i of a field alone, whatever
// it is merged into.
func checkFragment(p *problems, field string, i int, fragment []byte, defects func(*node) []error) {
	field = fmt.Sprintf("%s[%d]", field, i)
	root, err := parse(fragment)
	if err != nil {
		p.add(field, "%v", err)
		return
	}
	for _, defect := range defects(root) {
		p.add(field, "%v", defect)
	}
	for _, n := range root.kids {
		// Any other element checkDocument has named.
		if n.name == "servicing" || strings.Contains(n.name, " ") {
			p.add(field, "line %d: <%s> cannot be merged; only <settings> can", n.line, n.name)
		}
	}
}

// validateFragments checks each fragment, and then the file that they make of
// the generated one: two pieces without a defect may collide, such as a second
// disk 0, or a key where the medium takes none.
func (a Answers) validateFragments(p *problems) {
	before := len(*p)
	for i, fragment := range a.Fragments {
		checkFragment(p, setupFragments, i, fragment, func(root *node) []error {
			return checkDocument(root, a.Product, a.Image.Architecture)
		})
	}
	if len(a.Fragments) == 0 || len(*p) > before {
		return
	}
	merged, err := a.document()
	if err != nil {
		return // named already
	}
	alone := map[string]bool{} // what the answers themselves are to blame for
	for _, defect := range checkWhole(merged.root, a) {
		alone[defect.Error()] = true
	}
	if err := merged.mergeAll(setupFragments, a.Fragments); err != nil {
		p.check(err)
		return
	}
	for _, defect := range checkWhole(merged.root, a) {
		if !alone[defect.Error()] {
			p.add(fragmentField(setupFragments, a.Fragments), "merged into the generated file: %v", defect)
		}
	}
	for _, difference := range a.differences(factsOf(merged.root)) {
		p.add(fragmentField(setupFragments, a.Fragments), "merged into the generated file: %v", difference)
	}
}

// differences are what the merged file tells Windows otherwise than the answers
// tell the build: whom it logs on as, what the machine's clock shows, and which
// language it expects. Each has a field of its own; there both sides hear of it.
// The computer's name is not among them, since nothing in the build goes by it.
func (a Answers) differences(merged FileFacts) problems {
	var p problems
	if name, password, err := a.LogonAccount(); err == nil && merged.Account != "" {
		switch {
		case !strings.EqualFold(merged.Account, name) || merged.Domain != "":
			p.add("AutoLogon/Username", "%q, but the build logs on as %q, and has nobody else's password; leave AutoLogon out (further accounts go into local_account)", strings.TrimPrefix(merged.Domain+`\`+merged.Account, `\`), name)
		case merged.Password != password:
			p.add("AutoLogon/Password", "not the password that the build logs on as %q with; leave the password elements out, and give the password as winrm_password", name)
		}
	}
	if zone, err := a.timeZone(); err == nil && !strings.EqualFold(merged.TimeZone, zone) {
		p.add("TimeZone", "%q, but the machine's clock is set for %q; give it as time_zone", merged.TimeZone, zone)
	}
	if language := a.language(); !strings.EqualFold(merged.Language, language) {
		p.add(componentLocale+"/UILanguage", "%q, but the build expects %q; give it as language", merged.Language, language)
	}
	return p
}

// fragmentField names the one fragment, or all.
func fragmentField(field string, fragments [][]byte) string {
	if len(fragments) == 1 {
		return field + "[0]"
	}
	return field
}

// mergeAll merges the fragments in their order.
func (d *document) mergeAll(field string, fragments [][]byte) error {
	for i, fragment := range fragments {
		if err := d.merge(fragment); err != nil {
			return fmt.Errorf("%s[%d]: %w", field, i, err)
		}
	}
	return nil
}
