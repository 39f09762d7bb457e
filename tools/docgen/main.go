// Docgen writes the field tables of the documentation from the comments of the
// configuration structs, so that a field's comment is its manual page.
//
//	go run ./tools/docgen docs/*.md
//
// In a page, whatever stands between
//
//	<!-- fields IMPORT/PATH Struct -->
//	<!-- /fields -->
//
// is replaced. A path that begins with "./" is a folder of this module.
// Squashed structs get a marker of their own, where the page wants them.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
)

func main() {
	for _, page := range os.Args[1:] {
		if err := rewrite(page); err != nil {
			fmt.Fprintf(os.Stderr, "docgen: %s: %v\n", page, err)
			os.Exit(1)
		}
	}
}

var marker = regexp.MustCompile(`(?s)(<!-- fields (\S+) (\w+) -->\n).*?(<!-- /fields -->)`)

func rewrite(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var failed error
	out := marker.ReplaceAllStringFunc(string(text), func(block string) string {
		m := marker.FindStringSubmatch(block)
		table, err := fields(m[2], m[3])
		if err != nil {
			failed = fmt.Errorf("%s %s: %w", m[2], m[3], err)
		}
		return m[1] + table + m[4]
	})
	if failed != nil || out == string(text) {
		return failed
	}
	return os.WriteFile(page, []byte(out), 0o644)
}

// fields is the list of a struct's configuration fields, as Markdown.
func fields(path, name string) (string, error) {
	dir := path
	if !strings.HasPrefix(path, "./") {
		out, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
		if err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		dir = strings.TrimSpace(string(out))
	}
	packages, err := parser.ParseDir(token.NewFileSet(), dir, nil, parser.ParseComments) //nolint:staticcheck // one folder's comments are all that is wanted; no build tags matter
	if err != nil {
		return "", err
	}
	for _, p := range packages {
		if spec := structNamed(p, name); spec != nil {
			return list(spec), nil
		}
	}
	return "", fmt.Errorf("no such struct in %s", dir)
}

func structNamed(p *ast.Package, name string) *ast.StructType { //nolint:staticcheck // see fields
	var found *ast.StructType
	ast.Inspect(p, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	return found
}

func list(s *ast.StructType) string {
	var b strings.Builder
	for _, f := range s.Fields.List {
		if f.Tag == nil || len(f.Names) == 0 {
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		key, _, _ := strings.Cut(tag.Get("mapstructure"), ",")
		if key == "" || tag.Get("undocumented") == "true" {
			continue
		}
		kind := typeName(f.Type)
		if tag.Get("required") == "true" {
			kind += ", required"
		}
		fmt.Fprintf(&b, "- `%s` (%s)\n", key, kind)
		for line := range strings.Lines(strings.TrimSpace(f.Doc.Text())) {
			if line = strings.TrimRight(line, "\n"); line != "" {
				line = "  " + line
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		if t.Name == "int" || t.Name == "int64" {
			return "number"
		}
		return t.Name
	case *ast.StarExpr:
		if id, ok := t.X.(*ast.Ident); ok && id.Name != "bool" {
			return "block"
		}
		return typeName(t.X)
	case *ast.ArrayType:
		if id, ok := t.Elt.(*ast.Ident); ok && id.IsExported() {
			return "block, any number"
		}
		return "list of " + typeName(t.Elt)
	case *ast.MapType:
		return "map of " + typeName(t.Value)
	case *ast.SelectorExpr:
		switch t.Sel.Name {
		case "Duration":
			return "duration"
		case "Trilean":
			return "bool"
		}
		return t.Sel.Name
	}
	return "value"
}
