package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"online-inference/lab/steps"
)

// functionImage is one of the two images that the classic manifests use: the
// same tree, with another bundled model served by default.
type functionImage struct{ tag, modelVersion string }

func functionImages() []functionImage {
	return []functionImage{{tag: "v1", modelVersion: "1"}, {tag: "v2", modelVersion: "2"}}
}

// functionSteps build online-inference:v1 and :v2 and put them into the node,
// so that imagePullPolicy IfNotPresent finds them without a registry.
func (u *up) functionSteps() []steps.Step {
	if _, err := os.Stat(filepath.Join(u.Root, "function", "main.go")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []steps.Step
	for _, f := range functionImages() {
		list = append(list, steps.Step{
			Name: "function " + f.tag, Title: "image online-inference:" + f.tag, Heavy: true,
			// The cluster is of use without it, and its source is work in progress.
			Lone:  true,
			Needs: []string{"ko", "base image", "containerd"},
			Run:   stepBool(func(ctx context.Context) (bool, error) { return u.functionImage(ctx, f) }),
		})
	}
	return list
}

// functionImage builds one image and imports it unless the node holds it.
func (u *up) functionImage(ctx context.Context, f functionImage) (already bool, err error) {
	env := u.goEnviron("KO_DOCKER_REPO="+registryAddr+"/online-inference", "KO_DEFAULTBASEIMAGE="+u.baseReference,
		"DEFAULT_MODEL_VERSION="+f.modelVersion)
	out, err := u.output(ctx, "build-function", u.Root, env, u.path("bin", "ko"), "build", "--bare",
		"--platform", hostPlatform(), "--tags", f.tag, "./function")
	if err != nil {
		return false, err
	}
	built := strings.TrimSpace(string(out))
	reference, err := name.ParseReference(built)
	if err != nil {
		return false, fmt.Errorf("cannot read the reference that ko printed: %w", err)
	}
	stamp := u.runPath("image-" + f.tag)
	if done, err := os.ReadFile(stamp); err == nil && string(done) == built {
		return true, nil
	}
	image, err := remote.Image(reference, remote.WithContext(ctx))
	if err != nil {
		return false, fmt.Errorf("cannot read the image %s: %w", built, err)
	}
	tag, err := name.NewTag("docker.io/library/online-inference:" + f.tag)
	if err != nil {
		return false, fmt.Errorf("cannot name the image: %w", err)
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(tarball.Write(tag, image, writer)) }()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "ctr", "--address", u.containerdSocket(), "--namespace", "k8s.io",
		"images", "import", "--snapshotter", u.snapshotter, "-")
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = systemEnviron(), reader, &said, &said
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("cannot import the image into the node: %w: %s", err, said.String())
	}
	if err := os.WriteFile(stamp, []byte(built), 0o644); err != nil {
		return false, fmt.Errorf("cannot note the imported image: %w", err)
	}
	return false, nil
}
