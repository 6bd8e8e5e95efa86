using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>A real browser's <c>EventSource</c> reads Notifier's event stream.</summary>
public sealed class EventSourceTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_event_source_reconnects_by_itself_after_a_server_restart()
    {
        var port = FreePort.Next();
        var page = await browser.NewPageAsync();
        await using (var app = await NotifierApp.StartAsync(Redis.Configuration, port: port))
        {
            await page.GotoAsync($"http://localhost:{port}/");
            await page.EvaluateAsync("""
                () => {
                    window.said = [];
                    new EventSource('/events?channel=browser.events').onmessage = event => said.push(JSON.parse(event.data));
                }
                """);
            await IsAsync(page, "said.some(one => one.type === 'subscribed')");
            await Redis.PublishAsync("browser.events", "first\r\nline");
            await IsAsync(page, "said.some(one => one.data === 'first\\r\\nline')");
        }
        await IsAsync(page, "said.some(one => one.type === 'closing')");

        await using (var again = await NotifierApp.StartAsync(Redis.Configuration, port: port))
        {
            await IsAsync(page, "said.filter(one => one.type === 'subscribed').length === 2");
            await Redis.PublishAsync("browser.events", "second");
            await IsAsync(page, "said.some(one => one.data === 'second')");

            (await page.EvaluateAsync<bool>("said.filter(one => one.type === 'subscribed')[1].recovered"))
                .Should().BeFalse("the browser sent the last position, which this server does not know");
            await page.CloseAsync();
        }
    }

    /// <summary>
    /// The replacement for EventSource that is downloaded most (event-source-polyfill 1.0.31) sends the last position in the address, as <c>lastEventId</c>.
    /// Without that, it lost the durable messages of an outage silently.
    /// </summary>
    [Fact]
    public async Task The_event_source_polyfill_receives_what_was_published_on_a_durable_channel_during_a_restart()
    {
        var port = FreePort.Next();
        string[] settings = ["History:Durable:Channels:0=polyfill.*"];
        var page = await browser.NewPageAsync();
        await page.AddInitScriptAsync(scriptPath: Path.Combine(AppContext.BaseDirectory, "Assets", "eventsource.min.js"));
        await using (var app = await NotifierApp.StartAsync(Redis.Configuration, port: port, settings: settings))
        {
            await page.GotoAsync($"http://localhost:{port}/");
            await page.EvaluateAsync("""
                () => {
                    window.said = [];
                    new EventSourcePolyfill('/events?channel=polyfill.a').onmessage = event => said.push(JSON.parse(event.data));
                }
                """);
            await IsAsync(page, "said.some(one => one.type === 'subscribed')");
            await Redis.PublishDurablyAsync("polyfill.a", "first");
            await IsAsync(page, "said.some(one => one.data === 'first')");
        }
        await Redis.PublishDurablyAsync("polyfill.a", "during the restart");

        await using (var again = await NotifierApp.StartAsync(Redis.Configuration, port: port, settings: settings))
        {
            await IsAsync(page, "said.some(one => one.data === 'during the restart')");
            await Redis.PublishDurablyAsync("polyfill.a", "last");
            await IsAsync(page, "said.some(one => one.data === 'last')");

            (await page.EvaluateAsync<string>("said.map(one => one.data).filter(Boolean).join()")).Should().Be("first,during the restart,last");
            (await page.EvaluateAsync<bool>("said.filter(one => one.type === 'subscribed')[1].recovered")).Should().BeTrue();
            await page.CloseAsync();
        }
    }

    /// <summary>Polls from the test, because the page's content security policy blocks Playwright's own wait for an expression.</summary>
    private static Task IsAsync(IPage page, string expression) => Eventually.IsAsync(() => page.EvaluateAsync<bool>(expression), expression);
}
