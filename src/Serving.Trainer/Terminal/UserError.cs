using System.ComponentModel.DataAnnotations;
using Serving.Models;
using Serving.Scoring;
using Serving.Tokenization;

namespace Serving.Trainer.Terminal;

/// <summary>What the user can put right is said in one line; anything else is a bug and keeps its stack.</summary>
internal static class UserError
{
    public static bool Is(Exception exception) => exception is ModelException or ValidationException or ArgumentException or InvalidOperationException
        or InvalidDataException or ScorerException or TokenizerException or IOException or UnauthorizedAccessException;
}
