using System.Text.Json;
using Serving.Generation;
using Serving.Tokenization;

namespace Serving.Comparison;

/// <summary>A prompt and the line of the file that it stands in.</summary>
internal sealed record ComparedPrompt(int Line, ChatPrompt Prompt);

/// <summary>The prompts of a file: one conversation a line. Pure but for the file.</summary>
internal static class ComparedPrompts
{
    /// <summary>Each line is an object with "messages" (as in a chat request), "prompt" or "document" (the text of one user message).</summary>
    /// <exception cref="InvalidDataException">A line has none of them, or there is no line; the message names file and line.</exception>
    public static IReadOnlyList<ComparedPrompt> Read(string path)
    {
        ComparedPrompt[] prompts =
        [
            .. File.ReadLines(path).Select((line, i) => (Line: line, Number: i + 1)).Where(line => line.Line.Length > 0)
                .Select(line => new ComparedPrompt(line.Number, Parse(path, line.Line, line.Number))),
        ];
        return prompts.Length > 0 ? prompts : throw new InvalidDataException($"{path} is empty: give one JSON object a line, such as {{\"prompt\": \"...\"}}.");
    }

    private static ChatPrompt Parse(string path, string line, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.TryGetProperty("messages", out var messages))
            {
                ChatMessage[] all = [.. messages.EnumerateArray().Select(message =>
                    new ChatMessage(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!))];
                return all.Any(message => message.Role == "user") ? new ChatPrompt(all) : throw new KeyNotFoundException();
            }

            var text = (root.TryGetProperty("prompt", out var prompt) ? prompt : root.GetProperty("document")).GetString();
            return new ChatPrompt([new ChatMessage("user", text ?? throw new KeyNotFoundException())]);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"{path}, line {number}: expected a JSON object with \"messages\" (one of them the user's, contents as text), or with a text \"prompt\" or \"document\".", e);
        }
    }
}
