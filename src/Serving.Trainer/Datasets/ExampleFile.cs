using System.Globalization;
using System.Text;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Datasets;

/// <summary>
/// Writes examples as JSON Lines byte for byte as the existing set has them: a blank after colons and commas, every character itself but quotes,
/// backslashes and controls. The file appears whole or not at all.
/// </summary>
internal static class ExampleFile
{
    /// <summary>Fields id, section, document and, with <paramref name="summaries"/>, summary.</summary>
    public static void Write(string path, IReadOnlyList<TaskExample> examples, bool summaries)
    {
        var partial = path + ".partial";
        using (var file = new StreamWriter(partial) { NewLine = "\n" })
        {
            foreach (var example in examples)
            {
                var summary = summaries ? $", \"summary\": {Quoted(example.Summary)}" : "";
                file.WriteLine($"{{\"id\": {Quoted(example.Id)}, \"section\": {Quoted(example.Section)}, \"document\": {Quoted(example.Document)}{summary}}}");
            }
        }

        File.Move(partial, path, overwrite: true);
    }

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder(text.Length + 16).Append('"');
        foreach (var letter in text)
        {
            _ = letter switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}"),
                _ => quoted.Append(letter),
            };
        }

        return quoted.Append('"').ToString();
    }
}
