using System.Globalization;

namespace Serving.Tokenization.Splitting;

/// <summary>The part of <see cref="RegexTranslator"/> that rewrites what stands for single characters: classes, escapes, properties, literals.</summary>
internal sealed class RegexCharacters(RegexRewriting rewriting)
{
    /// <summary>Oniguruma's \w, without its brackets: alphabetic, marks, decimal digits, connectors.</summary>
    private const string Word = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";

    public void Class(bool ignoreCase)
    {
        var start = rewriting.At++;
        rewriting.Written.Append('[');
        if (!rewriting.Ended && rewriting.Current == '^')
        {
            rewriting.Written.Append('^');
            rewriting.At++;
        }

        var first = rewriting.At;
        while (!rewriting.Ended && (rewriting.Current != ']' || rewriting.At == first))
        {
            var c = rewriting.Current;
            if (c == '[' || rewriting.Looking("&&") || (c == ']' && rewriting.At == first))
            {
                throw rewriting.Refuse(c == '[' ? 1 : 2, "inside a class, the construct");
            }

            if (c == '\\')
            {
                Escape(ignoreCase, inClass: true);
            }
            else if (c == '-')
            {
                // A range when something stands on both sides.
                rewriting.At++;
                rewriting.Written.Append(rewriting.At == first + 1 || (!rewriting.Ended && rewriting.Current == ']') ? @"\-" : "-");
            }
            else
            {
                Literal(c, ignoreCase, inClass: true);
                rewriting.At++;
            }
        }

        if (rewriting.Ended)
        {
            rewriting.At = start;
            throw rewriting.Refuse(8, "the class that is not closed:");
        }

        rewriting.Written.Append(']');
        rewriting.At++;
    }

    public void Escape(bool ignoreCase, bool inClass)
    {
        var c = rewriting.At + 1 < rewriting.Pattern.Length ? rewriting.Pattern[rewriting.At + 1] : throw rewriting.Refuse(1, "the lone");
        switch (c)
        {
            case 'p' or 'P':
                Property(c);
                return;
            case 's' or 'S' or 'd' or 'D' or 'r' or 'n' or 't' or 'f' or 'v' or 'a' or 'e':
            case 'A' or 'z' when !inClass:
                rewriting.Written.Append('\\').Append(c);
                break;
            case 'w':
                rewriting.Written.Append(inClass ? Word : $"[{Word}]");
                break;
            case 'W' when !inClass:
                rewriting.Written.Append($"[^{Word}]");
                break;
            case 'b' when !inClass:
                rewriting.Written.Append($"(?:(?<=[{Word}])(?![{Word}])|(?<![{Word}])(?=[{Word}]))");
                break;
            case 'u' or 'x':
                Hexadecimal(ignoreCase, inClass);
                return;
            default:
                if (char.IsAsciiLetterOrDigit(c) || c > '~')
                {
                    throw rewriting.Refuse(2, "the escape");
                }

                Literal(c, ignoreCase, inClass);
                break;
        }

        rewriting.At += 2;
    }

    /// <summary>\uHHHH, \xHH or \x{H...}.</summary>
    private void Hexadecimal(bool ignoreCase, bool inClass)
    {
        var braced = rewriting.Looking(@"\x{");
        var start = rewriting.At + (braced ? 3 : 2);
        var end = braced ? rewriting.Pattern.IndexOf('}', start) : start + (rewriting.Pattern[rewriting.At + 1] == 'u' ? 4 : 2);
        if (end < start || end > rewriting.Pattern.Length
            || !int.TryParse(rewriting.Pattern.AsSpan(start, end - start), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var point)
            || point is < 0 or > 0xFFFF)
        {
            throw rewriting.Refuse(4, "the escape");
        }

        Literal((char)point, ignoreCase, inClass);
        rewriting.At = braced ? end + 1 : end;
    }

    private void Property(char kind)
    {
        var close = rewriting.Pattern.IndexOf('}', rewriting.At);
        if (close < 0 || rewriting.At + 2 >= rewriting.Pattern.Length || rewriting.Pattern[rewriting.At + 2] != '{')
        {
            throw rewriting.Refuse(4, "the property");
        }

        var name = rewriting.Pattern[(rewriting.At + 3)..close];
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
            throw rewriting.Refuse(close + 1 - rewriting.At, "the property");
        }

        rewriting.Written.Append('\\').Append(negated ? kind == 'p' ? 'P' : 'p' : kind).Append('{').Append(name).Append('}');
        rewriting.At = close + 1;
    }

    public void Literal(char c, bool ignoreCase, bool inClass)
    {
        if (char.IsSurrogate(c))
        {
            throw rewriting.Refuse(2, "the character above U+FFFF");
        }

        var escaped = $"\\u{(int)c:X4}";
        rewriting.Written.Append(ignoreCase && c is 's' or 'S' ? inClass ? escaped + @"\u017F" : $@"[{escaped}\u017F]" : escaped);
    }
}
