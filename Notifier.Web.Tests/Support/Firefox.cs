using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using FluentAssertions;
using OpenQA.Selenium.BiDi;
using OpenQA.Selenium.BiDi.BrowsingContext;
using OpenQA.Selenium.BiDi.Log;
using OpenQA.Selenium.BiDi.Script;

namespace Notifier.Tests.Support;

/// <summary>Headless Firefox. Its own WebDriver BiDi server is enough: no geckodriver.</summary>
public sealed partial class Firefox : Engine
{
    /// <summary>Debian's package, or Mozilla's own.</summary>
    private static readonly string[] Names = ["firefox-esr", "firefox"];

    private readonly DirectoryInfo profile = Directory.CreateTempSubdirectory("notifier-firefox-");
    private IBiDi? bidi;

    private protected override async Task StartAsync()
    {
        var address = await StartAsync(
            Names, ["--headless", "--no-remote", "--profile", profile.FullName, "--remote-debugging-port", "0"], [], "WebDriver BiDi listening on (.+)");
        bidi = await BiDi.ConnectAsync(new Uri($"{address}/session"));
        await bidi.NewAsync(new());
    }

    internal override async Task<Tab> OpenAsync(string address)
    {
        var context = (await bidi!.BrowsingContext.CreateAsync(ContextType.Tab)).Context;
        var tab = new FirefoxTab(context);
        await context.Log.EntryAdded.SubscribeAsync(tab.Take);
        await tab.GoToAsync(address);
        return tab;
    }

    public override async Task DisposeAsync()
    {
        if (bidi is not null)
            await bidi.DisposeAsync();
        await base.DisposeAsync();
        await Eventually.IsAsync(IsDeleted, "no process of Firefox writes to the profile any more");
    }

    private bool IsDeleted()
    {
        try
        {
            profile.Delete(recursive: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private sealed partial class FirefoxTab(BrowsingContext context) : Tab
    {
        /// <summary>Uncaught exceptions of the page's scripts.</summary>
        private readonly ConcurrentQueue<string> errors = [];

        public void Take(EntryAddedEventArgs entry)
        {
            // Firefox reports requests that fail in the same way.
            if (entry is JavascriptEntryAddedEventArgs { Level: Level.Error, Text: { } text } && Exception().IsMatch(text))
                errors.Enqueue(text);
        }

        public override Task GoToAsync(string address) => context.NavigateAsync(address, new() { Wait = ReadinessState.Complete });

        public override Task ReloadAsync() => context.ReloadAsync(new() { Wait = ReadinessState.Complete });

        public override Task BackAsync() => context.TraverseHistoryAsync(-1);

        private protected override async Task<string> EvaluateJsonAsync(string expression) =>
            await context.Script.EvaluateAsync(expression, awaitPromise: true) switch
            {
                EvaluateResultSuccess { Result: StringRemoteValue text } => text.Value,
                EvaluateResultException thrown => throw new BiDiException(thrown.ExceptionDetails.Text),
                var other => throw new InvalidOperationException($"{other}"),
            };

        private protected override bool IsAboutThePage(Exception error) => error is BiDiException;

        public override async ValueTask DisposeAsync()
        {
            await context.CloseAsync();
            errors.Should().BeEmpty();
        }

        [GeneratedRegex("^(\\w*(Error|Exception): |uncaught )")]
        private static partial Regex Exception();
    }
}
