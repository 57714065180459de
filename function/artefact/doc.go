// Package artefact turns a model file, or a folder with a model file and a
// model.yaml, into a checked, named, versioned model: it knows each feature's
// type, range, categories and missing token, holds every value against them, and
// proves the model on its example rows.
//
// What the file itself knows (names, types, classes) is read from it. model.yaml
// adds to that, and an artefact whose two halves contradict each other does not
// load.
package artefact
