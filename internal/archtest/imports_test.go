package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wintemplate/packer-plugin-wintemplate"

// rule forbids the packages under From to reach the packages under Deny, by
// any path of imports.
type rule struct {
	from   []string // folders of this module
	except []string // folders under From that may
	deny   []string // import path prefixes; a leading "./" is this module
	why    string
}

var rules = []rule{
	{
		from: []string{"internal/media", "internal/answerfile", "internal/windows", "internal/diskcheck", "internal/handoff", "internal/beacon"},
		deny: []string{"github.com/hashicorp/packer-plugin-sdk", "github.com/digitalocean/go-libvirt", "libvirt.org/go/libvirtxml", "github.com/apache/cloudstack-go"},
		why:  "they are usable, and testable, without Packer, libvirt and CloudStack",
	},
	{
		from: []string{"internal/libvirtapi", "internal/guest", "internal/winrm"},
		deny: []string{"github.com/hashicorp/packer-plugin-sdk/multistep"},
		why:  "steps are the builders' business",
	},
	{
		from: []string{"internal"},
		deny: []string{"./builder", "./provisioner", "./post-processor", "./datasource"},
		why:  "nothing under internal imports a component",
	},
	{
		from: []string{"builder/libvirt"},
		deny: []string{"./provisioner", "./post-processor", "./datasource", "./builder/cloudstack"},
		why:  "components run in processes of their own and meet in internal/handoff",
	},
	{
		from: []string{"provisioner"},
		deny: []string{"./builder", "./post-processor", "./datasource"},
		why:  "components run in processes of their own and meet in internal/handoff",
	},
	{
		from:   []string{"."},
		except: []string{"internal/standin", "acceptance"},
		deny:   []string{"./internal/standin"},
		why:    "stand-ins are for tests and the demo's media",
	},
	{
		from: []string{"internal/standin/debian"},
		deny: []string{"github.com"},
		why:  "it unpacks packages for guests of every kind, and knows none of them",
	},
	{
		from:   []string{"."},
		except: []string{"internal/libvirtapi", "builder/libvirt", "internal/standin", "acceptance"},
		deny:   []string{"github.com/digitalocean/go-libvirt"},
		why:    "internal/libvirtapi is the one place that speaks libvirt's protocol",
	},
}

// testHelpers are imported by tests alone and may import what they like.
var testHelpers = []string{"internal/libvirtapi/libvirttest", "internal/winrm/bench", "internal/media/bench", "internal/media/linuxguest", "internal/media/mediatest", "internal/guest/scripttest"}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportRules(t *testing.T) {
	packages := list(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("go list found only %d packages; the rules would hold for nothing", len(packages))
	}
	for _, r := range rules {
		matched := 0
		for _, p := range packages {
			folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
			if !under(folder, r.from) || under(folder, r.except) || under(folder, testHelpers) || p.ImportPath == module {
				continue
			}
			matched++
			for _, dep := range p.Deps {
				if d, bad := denied(dep, r.deny); bad {
					t.Errorf("%s reaches %s (denied: %s): %s", p.ImportPath, dep, d, r.why)
				}
			}
		}
		if matched == 0 {
			t.Errorf("the rule %q from %v matches no package: was a folder renamed?", r.why, r.from)
		}
	}
}

func TestReleasedBinaryHoldsNoStandIn(t *testing.T) {
	found := list(t, ".")
	if len(found) != 1 || len(found[0].Deps) < 50 {
		t.Fatalf("go list . gave %d packages", len(found))
	}
	for _, dep := range found[0].Deps {
		if _, bad := denied(dep, append([]string{"./internal/standin", "./acceptance"}, dotted(testHelpers)...)); bad {
			t.Errorf("the plugin's binary holds %s", dep)
		}
		if !strings.HasPrefix(dep, module) {
			continue
		}
		// the SDK itself imports testing, so only our own imports are looked at
		for _, direct := range list(t, dep)[0].Imports {
			if direct == "testing" || direct == "net/http/httptest" {
				t.Errorf("%s, which is in the plugin's binary, imports %s", dep, direct)
			}
		}
	}
}

func dotted(folders []string) []string {
	var out []string
	for _, f := range folders {
		out = append(out, "./"+f)
	}
	return out
}

func under(folder string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return root == "." || folder == root || strings.HasPrefix(folder, root+"/")
	})
}

func denied(dep string, deny []string) (string, bool) {
	for _, d := range deny {
		prefix := d
		if rest, ours := strings.CutPrefix(d, "./"); ours {
			prefix = module + "/" + rest
		}
		if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
			return d, true
		}
	}
	return "", false
}

func list(t *testing.T, pattern string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", pattern)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
