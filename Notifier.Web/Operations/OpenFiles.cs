using System.Globalization;

namespace Notifier.Operations;

/// <summary>How many files this process may have open: each connection is one. .NET has raised the soft limit to the hard one already.</summary>
internal static class OpenFiles
{
    private const string Line = "Max open files";

    /// <summary>What is open besides connections: libraries, Redis, the log, listeners.</summary>
    public const int Others = 300;

    /// <summary>Null where there is no limit, or the system (not Linux) does not say.</summary>
    public static long? Limit
    {
        get
        {
            try
            {
                return Parse(File.ReadAllText("/proc/self/limits"));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <param name="limits">Lines such as <c>Max open files  1024  4096  files</c>: the limit in force, then how far it can be raised.</param>
    public static long? Parse(string limits) =>
        limits.Split('\n').FirstOrDefault(static line => line.StartsWith(Line, StringComparison.Ordinal)) is { } line
        && line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
        && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
