// Package kubescore runs kube-score over every manifest of the project, and says
// which of its findings stand, and why.
package kubescore
