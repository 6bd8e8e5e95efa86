using System.Diagnostics;

namespace Notifier.Tests.Support;

/// <summary>
/// The build of Notifier that tests start as a process: the one that was built with them, or the executable that NOTIFIER_BUILD names, such as one of
/// Native AOT.
/// </summary>
internal static class NotifierBuild
{
    /// <summary>The trait of tests that start a process with the embedded Redis, which a Native AOT build lacks.</summary>
    public const string Redis = "Redis";

    public const string Embedded = "embedded";

    private static readonly string? Executable = Environment.GetEnvironmentVariable("NOTIFIER_BUILD") is { Length: > 0 } path ? Path.GetFullPath(path) : null;

    /// <summary>Where the program is, with its appsettings.json and its page.</summary>
    public static string Folder { get; } = Executable is null ? AppContext.BaseDirectory : Path.GetDirectoryName(Executable)!;

    public static ProcessStartInfo Start(params IEnumerable<string> arguments) => Executable is null
        ? new("dotnet", [Path.Combine(Folder, "Notifier.Web.dll"), .. arguments])
        : new(Executable, arguments);
}
