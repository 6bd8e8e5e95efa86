using System.Collections.Concurrent;
using Microsoft.Playwright;
using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>The demo page, open in a browser.</summary>
internal sealed class DemoPage : IAsyncDisposable
{
    private const string Violated = "violated: ";

    private readonly RedisServer redis;

    private DemoPage(IPage page, RedisServer redis)
    {
        Page = page;
        this.redis = redis;
        page.PageError += (_, error) => Errors.Add(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                ConsoleErrors.Enqueue(message.Text);
        };
    }

    public IPage Page { get; }

    /// <summary>Uncaught exceptions of the page's scripts.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Errors that the browser or the page writes to the console.</summary>
    public ConcurrentQueue<string> ConsoleErrors { get; } = [];

    /// <summary>The content security policy directives that the page violated.</summary>
    public IEnumerable<string> Violations =>
        ConsoleErrors.Where(error => error.StartsWith(Violated, StringComparison.Ordinal)).Select(error => error[Violated.Length..]);

    public ILocator Status => Page.Locator("#status");

    public ILocator Names => Page.Locator("#names > li");

    public ILocator Notifications => Page.Locator("#notifications > li");

    public ILocator Payloads => Notifications.Locator(".payload");

    public static async Task<DemoPage> OpenAsync(
        BrowserFixture browser, RedisServer redis, NotifierApp app, BrowserNewPageOptions? options = null)
    {
        await redis.NobodyListensAsync();
        var page = new DemoPage(await browser.NewPageAsync(options), redis);
        await page.Page.AddInitScriptAsync(
            $"addEventListener('securitypolicyviolation', event => console.error('{Violated}' + event.effectiveDirective))");
        await page.Page.GotoAsync(app.Address.ToString());
        return page;
    }

    public async Task SubscribeAsync(string name)
    {
        await Page.FillAsync("#name", name);
        await Page.PressAsync("#name", "Enter");
    }

    /// <summary>Waits until the page receives what is published. The page subscribes to one pattern by default.</summary>
    public Task IsLiveAsync(int patterns = 1) => redis.PageListensAsync(patterns);

    /// <summary>Publishes a message, and waits until the page lists it first.</summary>
    public async Task ShowAsync(string channel, string payload)
    {
        await redis.PublishAsync(channel, payload);
        await Assertions.Expect(Payloads.First).ToHaveTextAsync(payload);
    }

    public async ValueTask DisposeAsync() => await Page.CloseAsync();
}
