package discs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// edition is one image of install.wim.
type edition struct {
	Name, Display, Description string
	EditionID, Installation    string
}

// editions are the images of a medium: of a Windows Server one four, in the order
// that evaluation and retail media have them. NAME is the same on localised media;
// DISPLAYNAME is what DISM prints.
func editions(o Options) []edition {
	switch o.Product {
	case Windows11:
		return []edition{
			{Name: "Windows 11 Home", Display: "Windows 11 Home", Description: "Windows 11 Home", EditionID: "Core", Installation: "Client"},
			{Name: "Windows 11 Pro", Display: "Windows 11 Pro", Description: "Windows 11 Pro", EditionID: "Professional", Installation: "Client"},
		}
	case Windows11Eval:
		const name = "Windows 11 Enterprise Evaluation"
		return []edition{{Name: name, Display: name, Description: name, EditionID: "EnterpriseEval", Installation: "Client"}}
	}
	product := "Windows Server " + string(o.Product)
	var all []edition
	for _, e := range []struct{ id, text string }{
		{"ServerStandard", "Standard"}, {"ServerDatacenter", "Datacenter"},
	} {
		upper := map[string]string{"ServerStandard": "SERVERSTANDARD", "ServerDatacenter": "SERVERDATACENTER"}[e.id]
		all = append(all,
			edition{
				Name: product + " " + upper + "CORE", EditionID: e.id + "Eval", Installation: "Server Core",
				Display:     product + " " + e.text + " Evaluation",
				Description: "(Recommended) This option omits most of the Windows graphical environment.",
			},
			edition{
				Name: product + " " + upper, EditionID: e.id + "Eval", Installation: "Server",
				Display:     product + " " + e.text + " Evaluation (Desktop Experience)",
				Description: "This option installs the full Windows graphical environment, consuming extra drive space.",
			})
	}
	return all
}

// build returns the product's build and service-pack build numbers.
func (p Product) build() (build, spBuild int) {
	if p == Server2022 {
		return 20348, 587
	}
	return 26100, 1742
}

// productType is the WIM's PRODUCTTYPE.
func (p Product) productType() string {
	if p.client() {
		return "WinNT"
	}
	return "ServerNT"
}

// writeInstallWIM captures the tree as every edition. The images share their
// files, as on real media; they are stored uncompressed, so that the guest can
// apply them by a reader of a few lines.
func writeInstallWIM(ctx context.Context, wim, tree string, o Options) error {
	build, spBuild := o.Product.build()
	for i, e := range editions(o) {
		args := []string{"capture", tree, wim, e.Name, e.Description, "--compress=none", "--no-acls", "--flags=" + flags(e)}
		if i > 0 {
			args[0] = "append"
			args = append(args[:5], args[6:]...)
		}
		for _, p := range [][2]string{
			{"DISPLAYNAME", e.Display},
			{"DISPLAYDESCRIPTION", e.Description},
			{"WINDOWS/ARCH", "9"},
			{"WINDOWS/PRODUCTNAME", "Microsoft® Windows® Operating System"},
			{"WINDOWS/EDITIONID", e.EditionID},
			{"WINDOWS/INSTALLATIONTYPE", e.Installation},
			{"WINDOWS/HAL", "acpiapic"},
			{"WINDOWS/PRODUCTTYPE", o.Product.productType()},
			{"WINDOWS/PRODUCTSUITE", "Terminal Server"},
			{"WINDOWS/LANGUAGES/LANGUAGE", o.Language},
			{"WINDOWS/LANGUAGES/DEFAULT", o.Language},
			{"WINDOWS/VERSION/MAJOR", "10"},
			{"WINDOWS/VERSION/MINOR", "0"},
			{"WINDOWS/VERSION/BUILD", strconv.Itoa(build)},
			{"WINDOWS/VERSION/SPBUILD", strconv.Itoa(spBuild)},
			{"WINDOWS/VERSION/SPLEVEL", "0"},
			{"WINDOWS/SYSTEMROOT", "WINDOWS"},
		} {
			args = append(args, "--image-property="+p[0]+"="+p[1])
		}
		if _, err := tool(ctx, "", "wimlib-imagex", args...); err != nil {
			return err
		}
	}
	return nil
}

func flags(e edition) string {
	if e.Installation == "Server Core" {
		return e.EditionID + "Core"
	}
	return e.EditionID
}

// writeBootWIM makes sources/boot.wim: the two images that a Windows disc
// has. Nothing starts from them here.
func writeBootWIM(ctx context.Context, wim, work string, o Options) error {
	tree := filepath.Join(work, "winpe")
	if err := writeTree(tree, map[string][]byte{
		"Windows/System32/winpeshl.exe": peStub("winpeshl"),
		"sources/setup.exe":             peStub("setup"),
	}); err != nil {
		return err
	}
	build, spBuild := o.Product.build()
	for i, name := range []string{"Microsoft Windows PE (x64)", "Microsoft Windows Setup (x64)"} {
		args := []string{"capture", tree, wim, name, "--compress=none", "--no-acls", "--boot"}
		if i > 0 {
			args = []string{"append", tree, wim, name, "--no-acls", "--boot"}
		}
		for _, p := range [][2]string{
			{"WINDOWS/ARCH", "9"},
			{"WINDOWS/PRODUCTNAME", "Microsoft® Windows® Operating System"},
			{"WINDOWS/EDITIONID", "WindowsPE"},
			{"WINDOWS/INSTALLATIONTYPE", "WindowsPE"},
			{"WINDOWS/LANGUAGES/LANGUAGE", o.Language},
			{"WINDOWS/LANGUAGES/DEFAULT", o.Language},
			{"WINDOWS/VERSION/MAJOR", "10"},
			{"WINDOWS/VERSION/MINOR", "0"},
			{"WINDOWS/VERSION/BUILD", strconv.Itoa(build)},
			{"WINDOWS/VERSION/SPBUILD", strconv.Itoa(spBuild)},
			{"WINDOWS/VERSION/SPLEVEL", "0"},
		} {
			args = append(args, "--image-property="+p[0]+"="+p[1])
		}
		if _, err := tool(ctx, "", "wimlib-imagex", args...); err != nil {
			return err
		}
	}
	return nil
}

// writeTree writes files below dir, stamped with one date so that archives of
// them are equal from run to run.
func writeTree(dir string, files map[string][]byte) error {
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
