using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>
/// Rewrites a regular expression of Oniguruma's Ruby syntax, which tokenizer.json files are written in, for .NET: possessive quantifiers become
/// atomic groups, \w gets Unicode's meaning, ^ and $ stand at lines, (?i:s) matches the long s. What has no exact counterpart is refused.
/// </summary>
internal sealed class RegexTranslator
{
    private const int MostCharacters = 4_096, MostNesting = 32, MostRepeats = 1_000;

    /// <summary>Oniguruma's \w, without its brackets: alphabetic, marks, decimal digits, connectors.</summary>
    private const string Word = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";

    private readonly string _pattern;
    private readonly StringBuilder _out = new();
    private int _at;

    private RegexTranslator(string pattern) => _pattern = pattern;

    /// <exception cref="RegexTranslationException">A construct is not supported; the message quotes it and says where.</exception>
    public static string Translate(string pattern)
    {
        if (pattern.Length > MostCharacters)
        {
            throw new RegexTranslationException($"it is longer than {MostCharacters} characters.");
        }

        var translator = new RegexTranslator(pattern);
        translator.Alternatives(ignoreCase: false, depth: 0);
        return translator._at == pattern.Length ? translator._out.ToString() : throw translator.Refuse(1, "an unmatched");
    }

    private void Alternatives(bool ignoreCase, int depth)
    {
        if (depth > MostNesting)
        {
            throw new RegexTranslationException($"groups are nested more than {MostNesting} deep.");
        }

        while (_at < _pattern.Length && _pattern[_at] != ')')
        {
            if (_pattern[_at] == '|')
            {
                _out.Append('|');
                _at++;
                continue;
            }

            if (Looking("(?i)"))
            {
                ignoreCase = true;
                _out.Append("(?i)");
                _at += 4;
                continue;
            }

            var start = _out.Length;
            Atom(ignoreCase, depth);
            Quantifier(start);
        }
    }

    private void Atom(bool ignoreCase, int depth)
    {
        var c = _pattern[_at];
        switch (c)
        {
            case '(':
                Group(ignoreCase, depth);
                break;
            case '[':
                Class(ignoreCase);
                break;
            case '\\':
                Escape(ignoreCase, inClass: false);
                break;
            case '.':
                _out.Append(@"[^\n]");
                _at++;
                break;
            case '^':
                _out.Append(@"(?:\A|(?<=\n)(?!\z))");
                _at++;
                break;
            case '$':
                _out.Append(@"(?=\n|\z)");
                _at++;
                break;
            case '*' or '+' or '?':
                throw Refuse(1, "nothing to repeat before");
            default:
                Literal(c, ignoreCase, inClass: false);
                _at++;
                break;
        }
    }

    private void Group(bool ignoreCase, int depth)
    {
        string[] prefixes = ["(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"];
        var prefix = prefixes.FirstOrDefault(Looking);
        if (prefix is null && Looking("(?"))
        {
            throw Refuse(4, "the group");
        }

        _out.Append(prefix ?? "(?:");        // nothing reads what a group captured
        _at += (prefix ?? "(").Length;
        Alternatives(ignoreCase || prefix == "(?i:", depth + 1);
        if (_at == _pattern.Length)
        {
            throw new RegexTranslationException("a group is not closed.");
        }

        _out.Append(')');
        _at++;
    }

    private void Quantifier(int atom)
    {
        if (_at == _pattern.Length)
        {
            return;
        }

        var braces = false;
        if (_pattern[_at] is '*' or '+' or '?')
        {
            _out.Append(_pattern[_at++]);
        }
        else if (_pattern[_at] == '{' && Braces() is var (low, high, length))
        {
            _out.Append(CultureInfo.InvariantCulture, $"{{{low},{high}}}");
            _at += length;
            braces = true;
        }
        else
        {
            return;
        }

        switch (_at < _pattern.Length ? _pattern[_at] : '\0')
        {
            case '+' when !braces:
                _out.Insert(atom, "(?>").Append(')');
                _at++;
                break;
            case '?' when !braces || _pattern[_at - 2] == ',' || _pattern.LastIndexOf(',', _at - 1) > _pattern.LastIndexOf('{', _at - 1):
                _out.Append('?');
                _at++;
                break;
            case '*' or '+' or '?':
                throw Refuse(1, "the second quantifier");
        }
    }

    /// <summary>{n}, {n,}, {,m} or {n,m}; null when the brace is a plain character.</summary>
    private (string Low, string High, int Length)? Braces()
    {
        var close = _pattern.IndexOf('}', _at);
        var inside = close < 0 ? "" : _pattern[(_at + 1)..close];
        var parts = inside.Split(',');
        if (parts.Length > 2 || inside is "" or "," || parts.Any(part => part.Any(c => !char.IsAsciiDigit(c))))
        {
            return null;
        }

        if (parts.Any(part => part.Length > 4 || (part.Length > 0 && int.Parse(part, CultureInfo.InvariantCulture) > MostRepeats)))
        {
            throw Refuse(inside.Length + 2, $"more than {MostRepeats} repeats in");
        }

        return (parts[0].Length == 0 ? "0" : parts[0], parts[^1], inside.Length + 2);
    }

    private void Class(bool ignoreCase)
    {
        var start = _at++;
        _out.Append('[');
        if (_at < _pattern.Length && _pattern[_at] == '^')
        {
            _out.Append('^');
            _at++;
        }

        var first = _at;
        while (_at < _pattern.Length && (_pattern[_at] != ']' || _at == first))
        {
            var c = _pattern[_at];
            if (c == '[' || Looking("&&") || (c == ']' && _at == first))
            {
                throw Refuse(c == '[' ? 1 : 2, "inside a class, the construct");
            }

            if (c == '\\')
            {
                Escape(ignoreCase, inClass: true);
            }
            else if (c == '-')
            {
                // A range when something stands on both sides.
                _out.Append(_at == first || (_at + 1 < _pattern.Length && _pattern[_at + 1] == ']') ? @"\-" : "-");
                _at++;
            }
            else
            {
                Literal(c, ignoreCase, inClass: true);
                _at++;
            }
        }

        if (_at == _pattern.Length)
        {
            _at = start;
            throw Refuse(8, "the class that is not closed:");
        }

        _out.Append(']');
        _at++;
    }

    private void Escape(bool ignoreCase, bool inClass)
    {
        var c = _at + 1 < _pattern.Length ? _pattern[_at + 1] : throw Refuse(1, "the lone");
        switch (c)
        {
            case 'p' or 'P':
                Property(c);
                return;
            case 's' or 'S' or 'd' or 'D' or 'r' or 'n' or 't' or 'f' or 'v' or 'a' or 'e':
            case 'A' or 'z' when !inClass:
                _out.Append('\\').Append(c);
                break;
            case 'w':
                _out.Append(inClass ? Word : $"[{Word}]");
                break;
            case 'W' when !inClass:
                _out.Append($"[^{Word}]");
                break;
            case 'b' when !inClass:
                _out.Append($"(?:(?<=[{Word}])(?![{Word}])|(?<![{Word}])(?=[{Word}]))");
                break;
            case 'u' or 'x':
                Hexadecimal(ignoreCase, inClass);
                return;
            default:
                if (char.IsAsciiLetterOrDigit(c) || c > '~')
                {
                    throw Refuse(2, "the escape");
                }

                Literal(c, ignoreCase, inClass);
                break;
        }

        _at += 2;
    }

    /// <summary>\uHHHH, \xHH or \x{H...}.</summary>
    private void Hexadecimal(bool ignoreCase, bool inClass)
    {
        var braced = Looking(@"\x{");
        var start = _at + (braced ? 3 : 2);
        var end = braced ? _pattern.IndexOf('}', start) : start + (_pattern[_at + 1] == 'u' ? 4 : 2);
        if (end < start || end > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(start, end - start), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var point)
            || point is < 0 or > 0xFFFF)
        {
            throw Refuse(4, "the escape");
        }

        Literal((char)point, ignoreCase, inClass);
        _at = braced ? end + 1 : end;
    }

    private void Property(char kind)
    {
        var close = _pattern.IndexOf('}', _at);
        if (close < 0 || _at + 2 >= _pattern.Length || _pattern[_at + 2] != '{')
        {
            throw Refuse(4, "the property");
        }

        var name = _pattern[(_at + 3)..close];
        var negated = name.StartsWith('^');
        name = name.TrimStart('^') switch
        {
            "Letter" => "L",
            "Mark" => "M",
            "Number" => "N",
            "Punctuation" => "P",
            "Symbol" => "S",
            "Separator" => "Z",
            var other => other,
        };
        if (name.Length is 0 or > 2 || !"LMNPSZC".Contains(name[0], StringComparison.Ordinal) || (name.Length == 2 && !char.IsAsciiLetterLower(name[1])))
        {
            throw Refuse(close + 1 - _at, "the property");
        }

        _out.Append('\\').Append(negated ? kind == 'p' ? 'P' : 'p' : kind).Append('{').Append(name).Append('}');
        _at = close + 1;
    }

    private void Literal(char c, bool ignoreCase, bool inClass)
    {
        if (char.IsSurrogate(c))
        {
            throw Refuse(2, "the character above U+FFFF");
        }

        var escaped = $"\\u{(int)c:X4}";
        _out.Append(ignoreCase && c is 's' or 'S' ? inClass ? escaped + @"\u017F" : $@"[{escaped}\u017F]" : escaped);
    }

    private bool Looking(string at) => string.CompareOrdinal(_pattern, _at, at, 0, at.Length) == 0;

    private RegexTranslationException Refuse(int length, string what) =>
        new($"{what} \"{_pattern.Substring(_at, Math.Min(length, _pattern.Length - _at))}\" at character {_at} is not supported.");
}
