package segmentspan

import "strings"

// sdk derives aws.xray.sdk.
func (id *identity) sdk() string {
	// Contrib's receiver leaves the language in the name.
	if id.sdkName == "" || id.sdkLanguage == "" || strings.Contains(id.sdkName, " for ") {
		return id.sdkName
	}
	if id.sdkName == xraySDK {
		for _, l := range xrayLanguages {
			if l.semconv == id.sdkLanguage {
				return xraySDK + " for " + l.xray
			}
		}
	}
	return id.sdkName + " for " + id.sdkLanguage
}

const xraySDK = "X-Ray"

// xrayLanguages are the languages as the X-Ray SDKs and as the semantic
// conventions spell them.
var xrayLanguages = []struct{ xray, semconv string }{
	{"Go", "go"}, {"Java", "java"}, {"Python", "python"}, {"Node.js", "nodejs"}, {"Ruby", "ruby"}, {".NET", "dotnet"},
}

// splitSDK splits "X-Ray for Go" into a name and a language.
func splitSDK(sdk string) (name, language string) {
	at := strings.LastIndex(sdk, " for ")
	if at <= 0 || at+len(" for ") == len(sdk) {
		return sdk, ""
	}
	name, language = sdk[:at], sdk[at+len(" for "):]
	if name == xraySDK {
		for _, l := range xrayLanguages {
			if l.xray == language {
				return name, l.semconv
			}
		}
	}
	return name, language
}
