package terraform

import (
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var errTooMuch = errors.New("the result would be too large")

// functions are those of Terraform that compute something of their arguments. Those that
// read files, ask the time or draw numbers give what is not known.
func functions(m *meter) map[string]function.Function {
	all := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,
		"log": stdlib.LogFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc,
		"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "replace": replaceFunc,
		"split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc,
		"title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"upper": stdlib.UpperFunc, "startswith": textTest(strings.HasPrefix),
		"endswith": textTest(strings.HasSuffix), "strcontains": textTest(strings.Contains),

		"alltrue": all2(true), "anytrue": all2(false), "chunklist": stdlib.ChunklistFunc,
		"coalesce": coalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
		"index": indexFunc, "keys": stdlib.KeysFunc, "length": lengthFunc, "list": listFunc,
		"lookup": lookupFunc, "map": mapFunc, "matchkeys": matchKeysFunc, "merge": stdlib.MergeFunc,
		"one": oneFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "sum": sumFunc,
		"transpose": transposeFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"base64decode": textFunc(func(s string) (string, error) {
			out, err := base64.StdEncoding.DecodeString(s)
			return string(out), err
		}),
		"base64encode": textFunc(func(s string) (string, error) {
			return base64.StdEncoding.EncodeToString([]byte(s)), nil
		}),
		"urlencode": textFunc(func(s string) (string, error) { return url.QueryEscape(s), nil }),
		"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc,

		"cidrhost": cidrHostFunc, "cidrnetmask": cidrNetmaskFunc, "cidrsubnet": cidrSubnetFunc,
		"cidrsubnets": cidrSubnetsFunc,

		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,
		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(
			cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber": stdlib.MakeToFunc(cty.Number), "toset": stdlib.MakeToFunc(cty.Set(
			cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
		"sensitive": sameFunc, "nonsensitive": sameFunc, "ephemeralasnull": sameFunc,
	}
	for _, name := range outside {
		all[name] = unknownFunc
	}
	for name, before := range guards {
		all[name] = guarded(all[name], m, before)
	}
	return all
}

// outside are functions that ask something outside of the configuration, or that nobody
// needs for a group.
var outside = []string{"abspath", "basename", "bcrypt", "dirname", "file", "filebase64",
	"fileexists", "fileset", "filebase64sha256", "filebase64sha512", "filemd5", "filesha1",
	"filesha256", "filesha512", "base64sha256", "base64sha512", "base64gzip", "formatdate",
	"md5", "pathexpand", "plantimestamp", "rsadecrypt", "sha1", "sha256", "sha512",
	"templatefile", "templatestring", "textdecodebase64", "textencodebase64", "timeadd",
	"timecmp", "timestamp", "uuid", "uuidv5", "yamldecode", "yamlencode", "defaults", "type"}

// unknownFunc takes anything and gives what is not known.
var unknownFunc = function.New(&function.Spec{
	VarParam: &anything,
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		return cty.DynamicVal, nil
	},
})

// anything is a parameter that takes every value.
var anything = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true,
	AllowUnknown: true, AllowDynamicType: true}

var text1 = function.Parameter{Name: "text", Type: cty.String}

// guards look at arguments of which a little can become a lot. They return how much the
// result may weigh.
var guards = map[string]func(args []cty.Value) int{
	"format":     formatted,
	"formatlist": formatted,
	"join": func(args []cty.Value) int {
		n := 0
		for _, list := range args[1:] {
			n += elements(list) * (1 + length(args[0])/16)
		}
		return n
	},
	"indent": func(args []cty.Value) int {
		return (1 + strings.Count(str(args[1]), "\n")) * (number(args[0]) / 16)
	},
	"replace": func(args []cty.Value) int { return (length(args[0]) + 1) * length(args[2]) / 16 },
	"regex":   matched, "regexall": matched,
	"setproduct": func(args []cty.Value) int {
		n := 1
		for _, list := range args {
			n = min(n*max(elements(list), 1), maxWork+1)
		}
		return n * (2 + len(args))
	},
	"merge":  quadratic,
	"concat": quadratic,
	// At most 1024 numbers, each of which is added and compared with any precision.
	"range": func([]cty.Value) int { return 4 * 1024 },
	"split": func(args []cty.Value) int { return strings.Count(str(args[1]), str(args[0])) },
	"distinct": func(args []cty.Value) int { // compares each with each
		return elements(args[0]) * elements(args[0]) / 8
	},
	"contains":  func(args []cty.Value) int { return elements(args[0]) },
	"matchkeys": func(args []cty.Value) int { return elements(args[0]) * elements(args[2]) / 8 },
	"transpose": func(args []cty.Value) int { return weigh(args[0], maxWork) },
	"chunklist": quadratic,
	"sort":      quadratic,
	"toset":     quadratic, "tomap": quadratic, "tolist": quadratic,
	"jsondecode": func(args []cty.Value) int { return length(args[0]) / 4 },
	"csvdecode": func(args []cty.Value) int {
		rows, header, _ := strings.Cut(str(args[0]), "\n")
		return length(args[0]) + strings.Count(header, "\n")*strings.Count(rows, ",")
	},
}

// quadratic is for functions that look at each of their items a few times.
func quadratic(args []cty.Value) int {
	n := 0
	for _, a := range args {
		n += 3 * elements(a)
	}
	return n
}

func str(v cty.Value) string {
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func length(v cty.Value) int { return len(str(v)) }

func number(v cty.Value) int {
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.Number {
		return 0
	}
	n, _ := v.AsBigFloat().Int64()
	return int(min(max(n, 0), 1<<31))
}

func elements(v cty.Value) int {
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return 1
	}
	return v.LengthInt()
}

// wideVerb is a verb of format that asks for a long text.
var wideVerb = regexp.MustCompile(`%[^a-zA-Z%]*([0-9]{4,}|\*)`)

func formatted(args []cty.Value) int {
	n, width := 1, 0
	for _, a := range args {
		n = max(n, elements(a))
		width += weigh(a, maxWork)
	}
	if wideVerb.MatchString(str(args[0])) {
		return maxWork + 1
	}
	// A verb may take any argument, and again.
	return n * (1 + length(args[0])/16 + width*(1+strings.Count(str(args[0]), "[")))
}

func matched(args []cty.Value) int {
	if length(args[0]) > 1000 {
		return maxWork + 1
	}
	return length(args[1]) * (1 + length(args[0])/16)
}

// guarded is a function that asks for what it will need.
func guarded(f function.Function, m *meter, before func([]cty.Value) int) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			m.spend(max(before(args), 0))
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// textFunc is a function of a text.
func textFunc(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text1},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			return cty.StringVal(s), err
		},
	})
}

// textTest is a question about two texts.
func textTest(f func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text1, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{text1, {Name: "substring", Type: cty.String},
		{Name: "replacement", Type: cty.String}},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		s, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(old) > 1 && strings.HasPrefix(old, "/") && strings.HasSuffix(old, "/") {
			re, err := regexp.Compile(old[1 : len(old)-1])
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(re.ReplaceAllString(s, with)), nil
		}
		return cty.StringVal(strings.ReplaceAll(s, old, with)), nil
	},
})

// sameFunc gives what it takes.
var sameFunc = function.New(&function.Spec{
	Params: []function.Parameter{anything},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0], nil },
})

// lengthFunc counts the characters of a text or the items of everything else.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true,
		AllowDynamicType: true}},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		switch ty := v.Type(); {
		case ty.IsTupleType():
			return cty.NumberIntVal(int64(ty.Length())), nil
		case ty.IsObjectType():
			return cty.NumberIntVal(int64(len(ty.AttributeTypes()))), nil
		case !v.IsKnown():
			return cty.UnknownVal(cty.Number), nil
		case ty == cty.String:
			return stdlib.Strlen(v)
		case ty.IsCollectionType():
			return v.Length(), nil
		}
		return cty.UnknownVal(cty.Number), errors.New("the argument must be a text, a list or a map")
	},
})

// coalesceFunc gives the first argument that is neither null nor an empty text.
var coalesceFunc = function.New(&function.Spec{
	VarParam: &anything,
	Type: func(args []cty.Value) (cty.Type, error) {
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		ty, _ := convert.UnifyUnsafe(types)
		if len(args) == 0 || ty == cty.NilType {
			return cty.DynamicPseudoType, errors.New("all arguments must have the same type")
		}
		return ty, nil
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		for _, a := range args {
			a, err := convert.Convert(a, ty)
			switch {
			case err != nil:
				return cty.UnknownVal(ty), err
			case !a.IsKnown():
				return cty.UnknownVal(ty), nil
			case !a.IsNull() && (ty != cty.String || a.AsString() != ""):
				return a, nil
			}
		}
		return cty.UnknownVal(ty), errors.New("all arguments are null or empty")
	},
})
