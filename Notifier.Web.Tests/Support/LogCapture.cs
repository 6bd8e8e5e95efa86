using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Notifier.Tests.Support;

/// <summary>Keeps the log lines of the application.</summary>
internal sealed class LogCapture : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, string Category, string Text)> lines = [];

    public IReadOnlyCollection<(LogLevel Level, string Category, string Text)> Lines => lines;

    /// <summary>Called by each thread that logs, after its line was recorded.</summary>
    public Action<string> Logged { get; set; } = static _ => { };

    public bool Says(string text) => lines.Any(line => line.Text.Contains(text, StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, this);

    public void Dispose()
    {
    }

    private sealed class Logger(string category, LogCapture capture) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var text = $"{formatter(state, exception)} {exception}";
            capture.lines.Enqueue((logLevel, category, text));
            capture.Logged(text);
        }
    }
}
