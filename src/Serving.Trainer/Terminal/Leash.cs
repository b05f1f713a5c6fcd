using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Serving.Trainer.Terminal;

/// <summary>
/// Ties this process to the one that holds the other end of its input: when that end closes, and a killed process closes it too, the work is cancelled, and the process
/// ends itself if that takes too long. Ctrl-C of their common terminal is the other's to answer.
/// </summary>
internal sealed class Leash : IDisposable
{
    private readonly CancellationTokenSource _gone;
    private readonly PosixSignalRegistration _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = true);

    /// <param name="input">Read to its end; what it says is of no meaning.</param>
    /// <param name="patience">Time for a last checkpoint.</param>
    /// <param name="time">For <paramref name="patience"/>.</param>
    /// <param name="cancellationToken">Cancels the work as well.</param>
    public Leash(Stream input, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        _gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        new Thread(() => Watch(input, patience, time)) { IsBackground = true, Name = "leash" }.Start();
    }

    /// <summary>Cancelled when the other process is gone.</summary>
    public CancellationToken Token => _gone.Token;

    public void Dispose() => _interrupt.Dispose();

    private void Watch(Stream input, TimeSpan patience, TimeProvider time)
    {
        try
        {
            while (input.ReadByte() >= 0)
            {
            }
        }
        catch (IOException)
        {
            // As good as its end.
        }

        using var end = time.CreateTimer(_ => Process.GetCurrentProcess().Kill(), null, patience, Timeout.InfiniteTimeSpan);
        _gone.Cancel();
        Thread.CurrentThread.Join();
    }
}
