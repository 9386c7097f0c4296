// Loads what `inferstack export` wrote with the tools' own loaders: main KIND FILE...; prints one line of JSON a file.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/ollama/ollama/parser"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func compose(file string) (any, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func modelfile(file string) (any, error) {
	reader, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	found, err := parser.ParseFile(reader)
	if err != nil {
		return nil, err
	}
	return found.Commands, nil
}

// chart: values are held to the chart's schema, then its templates are rendered.
func chart(folder string) func(string) (any, error) {
	return func(file string) (any, error) {
		loaded, err := loader.Load(folder)
		if err != nil {
			return nil, err
		}
		values, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return nil, err
		}
		if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
			return nil, err
		}
		release := chartutil.ReleaseOptions{Name: "release", Namespace: "default", Revision: 1, IsInstall: true}
		all, err := chartutil.ToRenderValues(loaded, values, release, chartutil.DefaultCapabilities)
		if err != nil {
			return nil, err
		}
		return engine.Render(loaded, all)
	}
}

func main() {
	kinds := map[string]func(string) (any, error){"compose": compose, "modelfile": modelfile}
	kind, files := os.Args[1], os.Args[2:]
	check := kinds[kind]
	if kind == "chart" {
		check, files = chart(files[0]), files[1:]
	}
	failed := false
	for _, file := range files {
		found, err := check(file)
		if err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			continue
		}
		line, err := json.Marshal(found)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
	if failed {
		os.Exit(1)
	}
}
