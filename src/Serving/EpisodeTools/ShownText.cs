using System.Globalization;
using System.Text;

namespace Serving.EpisodeTools;

/// <summary>Stored text on a terminal: one line, nothing that the terminal would obey, cut when long. Stateless.</summary>
public static class ShownText
{
    /// <param name="text">Anything.</param>
    /// <param name="longest">Characters; what is longer ends with the length of the whole.</param>
    public static string Of(string text, int longest = 400)
    {
        var shown = new StringBuilder();
        foreach (var c in text)
        {
            if (shown.Length >= longest)
            {
                return shown.Append(CultureInfo.InvariantCulture, $"... ({text.Length} characters)").ToString();
            }

            _ = c switch
            {
                '\n' => shown.Append("\\n"),
                '\r' => shown.Append("\\r"),
                '\t' => shown.Append("\\t"),
                _ when char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format =>
                     shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => shown.Append(c),
            };
        }

        return shown.ToString();
    }
}
