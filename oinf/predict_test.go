package main

import (
	"strings"
	"testing"
)

// TestPredict: good rows in every form, and what is said of bad ones.
func TestPredict(t *testing.T) {
	const in = "oinf: standard input"
	ignored := "oinf: note: columns that the model does not take: \"note\"\n"
	for _, c := range []struct {
		name, args, in string
		code           int
		stdout, stderr string
	}{
		{"CSV", "", lines(header, patient, patient), 0, answers + answer + answer, ""},
		{"from -", "-", lines(header, patient), 0, answers + answer, ""},
		{"CRLF and a byte order mark", "", "\xef\xbb\xbf" + header + "\r\n" + patient + "\r\n", 0, answers + answer, ""},
		{"gzip", "", zipped(t, lines(header, patient)), 0, answers + answer, ""},
		{"columns in another order", "", lines("thal,"+strings.TrimSuffix(header, ",thal"), "6,"+strings.TrimSuffix(patient, ",6")), 0, answers + answer, ""},
		{"numbers in other forms", "", lines(header, "+63.0, 1 ,1.0,1.45e2,233,1,2,150,0,\"2.3\",3,0.,6"), 0, answers + answer, ""},
		{"missing values", "", lines(header, changed(",0,6", ",,"), changed(",0,6", ",NA,nan"), changed(",0,6", ",NULL,None"), changed(",0,6", ", n/a ,")), 0,
			answers + strings.Repeat(unknown, 4), ""},
		{"other missing words", "-missing -1,none", lines(header, changed(",0,6", ",-1,NONE")), 0, answers + unknown, ""},
		{"no header", "-no-header", lines(patient, patient), 0, answers + answer + answer, ""},
		{"by position", "-by-position", lines(strings.ToUpper(header), patient), 0, answers + answer, ""},
		{"semicolons", "-delimiter ;", strings.ReplaceAll(lines(header, patient), ",", ";"), 0, strings.ReplaceAll(answers+answer, ",", ";"), ""},
		{"tabs", "-delimiter tab", strings.ReplaceAll(lines(header, patient), ",", "\t"), 0, strings.ReplaceAll(answers+answer, ",", "\t"), ""},
		{"a header alone", "", header + "\n", 0, answers, ""},
		{"objects", "", lines(object, "", object), 0, strings.Repeat("{"+answered, 2), ""},
		{"arrays", "", lines(array), 0, "{" + answered, ""},
		{"a missing value as Python writes it", "", lines(strings.Replace(array, `0,"6"`, `NaN,null`, 1)), 0, "{" + strings.NewReplacer("0.64071804", "0.81604636", "0.35928193", "0.18395364").Replace(answered), ""},
		{"CSV to JSON lines", "-out-format jsonl", lines(header, patient), 0, "{" + answered, ""},
		{"JSON lines to CSV", "-out-format csv", lines(object), 0, answers + answer, ""},
		{"extra columns", "", lines("note,"+header, "\"a\nb\","+patient), 0, answers + answer, ignored},
		{"extra columns, quiet", "-quiet", lines("note,"+header, "x,"+patient), 0, answers + answer, ""},
		{"extra members", "", lines(`{"note":[1],` + object[1:]), 0, "{" + answered, ignored},
		{"kept columns", "-keep", lines("note,"+header, "\"a\nb\","+patient), 0, "note," + header + "," + answers + "\"a\nb\"," + patient + "," + answer, ""},
		{"kept columns of the answer's name", "-keep", lines("label,"+header, "x,"+patient), 0, "label," + header + ",predicted_" + answers + "x," + patient + "," + answer, ""},
		{"kept without a header", "-keep -no-header", lines(patient), 0, header + "," + answers + patient + "," + answer, ""},
		{"kept objects", "-keep", lines(object), 0, `{"row":` + object + "," + answered, ""},
		{"kept CSV in JSON", "-keep -out-format jsonl", lines("note,"+header, "5,"+patient), 0, `{"row":{"note":"5",` + object[1:] + "," + answered, ""},
		{"kept objects in CSV", "-keep -out-format csv", lines(`{"note":"a,b",` + object[1:]), 0, "note," + header + "," + answers + `"a,b",` + patient + "," + answer, ""},
		{"outside the training range", "", lines(header, patient, changed("63", "99"), changed("63", "20")), 0, answers + answer + "0,no disease,0.7538104,0.24618961\n0,no disease,0.71194446,0.2880555\n",
			"oinf: note: column \"age\": 2 values outside the training range from 29 to 77, the first in line 3\n"},

		{"nothing", "", "", 1, "", in + ": it is empty: expected a header with the columns' names\n"},
		{"a missing column", "", lines(strings.Replace(header, "chol,", "", 1), patient), 1, "",
			in + ": line 1: the header lacks \"chol\"; it has \"age\", \"sex\", \"cp\", \"trestbps\", \"fbs\", \"restecg\", \"thalach\", \"exang\", \"oldpeak\", \"slope\", \"ca\", \"thal\"\n"},
		{"a column twice", "", lines(header+",age", patient+",63"), 1, "", in + ": line 1: the header has \"age\" twice\n"},
		{"a word for a number", "", lines(header, patient, changed("63", "old")), 1, answers + answer,
			in + ", line 3, column \"age\": expected a number from 0 to 120 (years), got \"old\" (-skip-bad leaves such rows out)\n"},
		{"beyond the bounds", "", lines(header, changed("63", "200")), 1, answers, in + ", line 2, column \"age\": expected a number from 0 to 120 (years), got 200 (-skip-bad leaves such rows out)\n"},
		{"no category", "", lines(header, changed("63,1", "63,7")), 1, answers, in + ", line 2, column \"sex\": expected one of 0 (female), 1 (male), got 7 (-skip-bad leaves such rows out)\n"},
		{"a decimal comma", "-delimiter ;", strings.ReplaceAll(lines(header, changed("2.3", "2|3")), ",", ";"), 1, strings.ReplaceAll(answers, ",", ";"),
			in + ", line 2, column \"oldpeak\": expected a number from 0 to 15 (mm), got \"2|3\" (-skip-bad leaves such rows out)\n"},
		{"a missing value that must not be", "", lines(header, changed("63", "")), 1, answers, in + ", line 2, column \"age\": expected a number from 0 to 120 (years), got an empty cell (-skip-bad leaves such rows out)\n"},
		{"a missing word that must not be", "", lines(header, changed("63", "NA")), 1, answers,
			in + ", line 2, column \"age\": expected a number from 0 to 120 (years), got \"NA\", which stands for a missing value (-skip-bad leaves such rows out)\n"},
		{"an infinity beyond the bounds", "", lines(header, changed("63", "-Inf")), 1, answers, in + ", line 2, column \"age\": expected a number from 0 to 120 (years), got -Inf (-skip-bad leaves such rows out)\n"},
		{"too few cells", "", lines(header, "", "1,2"), 1, answers, in + ", line 3: expected 13 cells, as many as the header has, got 2 (-skip-bad leaves such rows out)\n"},
		{"behind quoted lines", "", lines("note,"+header, "\"a\nb\nc\","+patient, "x,"+changed("63", "y")), 1, answers + answer,
			ignored + in + ", line 5, column \"age\": expected a number from 0 to 120 (years), got \"y\" (-skip-bad leaves such rows out)\n"},
		{"by position, too many", "-by-position", lines("note,"+header, "x,"+patient), 1, "", in + ": line 1: the header has 14 columns, the model takes 13 by position\n"},
		{"no header, a bad row", "-no-header", lines(changed("63,1", "63,7")), 1, answers, in + ", line 1, column 2 (\"sex\"): expected one of 0 (female), 1 (male), got 7 (-skip-bad leaves such rows out)\n"},
		{"no JSON", "", lines(array, array[1:], array), 1, "{" + answered, in + ", line 2: no JSON: expected an object or an array at byte 1, got '6' (-skip-bad leaves such rows out)\n"},
		{"a JSON list of rows", "", "[" + object + "]\n", 1, "", in + ", line 1: expected one row a line, got a list of them (from pandas: to_json(orient=\"records\", lines=True)) (-skip-bad leaves such rows out)\n"},
		{"a short array", "", "[1,2]\n", 1, "", in + ", line 1: expected an array of 13 values, one for each feature, got 2 (-skip-bad leaves such rows out)\n"},
		{"a missing member", "", lines(strings.Replace(object, `"chol":233,`, "", 1)), 1, "", in + ", line 1: the row lacks \"chol\" (null stands for a missing value) (-skip-bad leaves such rows out)\n"},
		{"a member twice", "", lines(`{"age":1,` + object[1:]), 1, "", in + ", line 1: \"age\" is there twice (-skip-bad leaves such rows out)\n"},
		{"a string for a number", "", lines(strings.Replace(object, ":63", `:"63"`, 1)), 1, "", in + ", line 1, column \"age\": expected a number from 0 to 120 (years), got \"63\" (-skip-bad leaves such rows out)\n"},
		{"an object for a number", "", lines(strings.Replace(object, ":63", `:{}`, 1)), 1, "", in + ", line 1, column \"age\": expected a number from 0 to 120 (years), got an object (-skip-bad leaves such rows out)\n"},
		{"a truncated gzip", "", zipped(t, lines(header, patient))[:60], 1, "", in + ": cannot read: unexpected EOF\n"},
		{"Parquet", "", "PAR1\x15\x04", 1, "", in + ": it is a Parquet file: expected CSV or JSON lines in UTF-8, plain or gzip\n"},

		{"skipped", "-skip-bad", lines(header, patient, "1,2", changed("63", "x"), patient), 0, answers + answer + answer,
			in + ", line 3: expected 13 cells, as many as the header has, got 2\n" + in + ", line 4, column \"age\": expected a number from 0 to 120 (years), got \"x\"\n" +
				"oinf: 2 rows scored, 2 left out (-rejects FILE keeps them)\n"},
		{"none is left", "-skip-bad", lines(header, "1,2"), 1, answers,
			in + ", line 2: expected 13 cells, as many as the header has, got 2\noinf: 0 rows scored, 1 left out (-rejects FILE keeps them)\n" + in + ": no row could be scored\n"},
		{"a quote that is never closed", "-skip-bad", lines("note,"+header, "\"x,"+patient, "y,"+patient), 0, answers + answer,
			ignored + in + ", line 2: a quote that is opened in this line is never closed\noinf: 1 row scored, 1 left out (-rejects FILE keeps them)\n"},

		{"an unknown flag", "-foo", "", 2, "", "oinf: flag provided but not defined: -foo (oinf predict -h lists the flags)\n"},
		{"a bad format", "-format xls", "", 2, "", "oinf: -format: format \"xls\" is not known, expected csv or jsonl\n"},
		{"a bad delimiter", "-delimiter ab", "", 2, "", "oinf: -delimiter: expected one character, or tab, got \"ab\"\n"},
		{"rejects without skipping", "-rejects x", "", 2, "", "oinf: -rejects belongs to -skip-bad\n"},
		{"flags of the other format", "-no-header", object, 2, "", "oinf: -no-header, -by-position and -delimiter belong to CSV, and the rows are JSON lines\n"},
		{"too many arguments", "a b", "", 2, "", "oinf: usage: oinf predict MODEL [ROWS] (oinf predict -h explains it)\n"},
		{"no such file", "nowhere.csv", "", 1, "", "oinf: cannot read rows: open nowhere.csv: no such file or directory\n"},
		{"a folder", ".", "", 1, "", "oinf: cannot read rows: . is a folder\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := execute(t, strings.NewReader(c.in), append([]string{"predict", heart}, strings.Fields(c.args)...)...)
			if got.code != c.code || got.stdout != c.stdout || got.stderr != c.stderr {
				t.Errorf("exit %d, expected %d\nout  %s\nwant %s\nerr  %s\nwant %s", got.code, c.code, got.stdout, c.stdout, got.stderr, c.stderr)
			}
		})
	}
}

// TestAdvice: the commonest reasons why columns are not found are told.
func TestAdvice(t *testing.T) {
	for in, want := range map[string]string{
		strings.ReplaceAll(lines(header, patient), ",", ";"): `(-delimiter ';' splits it at each ";")`,
		lines(patient, patient):                              "(-no-header, if line 1 is a row already)",
		lines(strings.ToUpper(header), patient):              `(capitals count: "AGE" is not "age")`,
		lines("a,b,c,d,e,f,g,h,i,j,k,l,m", patient):          "(-by-position, if the columns are in the model's order; -columns NAMES says which columns the features are, in the model's order)",
	} {
		if got := execute(t, strings.NewReader(in), "predict", heart); got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("exit %d, %s\nwant %s", got.code, got.stderr, want)
		}
	}
}
