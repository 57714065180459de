package target

import (
	"context"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Remove deletes the namespace, and with it all that the lab made in an
// existing cluster, and waits until it has gone. Nothing else is touched.
func (t *Target) Remove(ctx context.Context, limit time.Duration, out io.Writer) error {
	fmt.Fprintf(out, "context    %s\nserver     %s\nnamespace  %s\n", t.Context, t.Server, t.Namespace)
	namespaces := t.Core.CoreV1().Namespaces()
	ns, err := namespaces.Get(ctx, t.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		fmt.Fprintln(out, "nothing to take down")
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at the namespace: %w", err)
	}
	if ns.Labels[ManagedByLabel] != ManagedBy {
		return fmt.Errorf("the namespace %s was not made by the lab (no label %s=%s), so it stays (%w)", t.Namespace, ManagedByLabel, ManagedBy, ErrRefused)
	}
	// The precondition makes sure that it is this very namespace that goes.
	err = namespaces.Delete(ctx, t.Namespace, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &ns.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete the namespace: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		now, err := namespaces.Get(ctx, t.Namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			fmt.Fprintf(out, "deleted the namespace %s\n", t.Namespace)
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot look at the namespace: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace %s is not gone after %v; its phase is %s, its conditions %v", t.Namespace, limit, now.Status.Phase, now.Status.Conditions)
		case <-time.After(300 * time.Millisecond):
		}
	}
}
