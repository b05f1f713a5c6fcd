using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Serving.Training;

/// <summary>Gives a process what others leave: a low priority on the processors, and the first place when the system runs out of memory. Stateless.</summary>
internal static partial class BackgroundPriority
{
    private const int OfThread = 0;             // PRIO_PROCESS, which on Linux is one thread
    private const string FirstToGo = "1000";

    /// <summary>
    /// Threads inherit the priority of the one that starts them, so a process that has just begun gets it whole; call it again later for threads that came in between.
    /// A process that has ended meanwhile is none of our business.
    /// </summary>
    /// <param name="process">Its number.</param>
    /// <param name="nice">0 = that of others, 19 = the lowest.</param>
    public static void Give(int process, int nice)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
            {
                using var found = Process.GetProcessById(process);
                found.PriorityClass = nice > 0 ? ProcessPriorityClass.Idle : ProcessPriorityClass.Normal;
                return;
            }

            foreach (var thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                _ = SetPriority(OfThread, uint.Parse(Path.GetFileName(thread.AsSpan()), null), nice);
            }

            File.WriteAllText($"/proc/{process}/oom_score_adj", FirstToGo);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
        {
            // It has ended, or this system keeps such files to itself.
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
