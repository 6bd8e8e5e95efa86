using System.Collections.Concurrent;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>Errors that the page does not handle reach the console, once. The test controls the server.</summary>
public sealed class ClientErrorTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task An_error_that_the_page_does_not_handle_is_one_warning_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue($"{message.Type}: {message.Text}");
        await client.DoAsync("globalThis.notifier = new Notifier(); notifier.channel('a', hear)");
        for (var connection = await fake.AcceptAsync(); ; connection = await fake.AcceptAsync())
        {
            connection.Confirms = false;
            var command = await connection.ReadAsync();
            await connection.SendAsync(
                new { type = "error", id = command.GetProperty("id").GetInt64(), channel = "a", code = "forbidden", message = "not allowed: a" });
            await Eventually.IsAsync(() => !console.IsEmpty, "the console shows the error");
            if (fake.Requests.Count(static request => request == "/ws") == 3)
                break;
            connection.Abort();
        }
        fake.ClosesWith = (4403, "origin https://shop.example is not allowed: see Access:AllowedOrigins");
        await client.DoAsync("notifier.connect()");
        await Eventually.IsAsync(() => console.Count >= 2, "the console shows the refusal");

        console.Should().Equal(
            "warning: Notifier: not allowed: a (forbidden a)",
            "warning: Notifier: origin https://shop.example is not allowed: see Access:AllowedOrigins (4403)");
    }

    [Fact]
    public async Task A_connection_that_the_server_closes_as_overloaded_or_too_fast_says_why_and_is_tried_again()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4529, "more than 50 commands a second");
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue($"{message.Type}: {message.Text}");

        await client.DoAsync("globalThis.notifier = new Notifier(); notifier.channel('a', hear)");
        for (var attempt = 0; attempt < 3; attempt++)
            await fake.AcceptAsync();

        await Eventually.IsAsync(() => !console.IsEmpty, "the console says why");
        console.Should().Equal("warning: Notifier: more than 50 commands a second (4529)");
    }

    [Fact]
    public async Task An_error_that_the_page_handles_is_not_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4403, "not you");
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue(message.Text);

        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        await client.LogsAsync("error 4403");
        await client.DoAsync("console.log('end')");

        await Eventually.IsAsync(() => !console.IsEmpty, "the console shows the last line");
        console.Should().Equal("end");
    }

    /// <summary>A framework adds and removes listeners as components come and go.</summary>
    [Theory]
    [InlineData("notifier.addEventListener('error', react); notifier.removeEventListener('error', react)", false)]
    [InlineData("const stop = new AbortController(); notifier.addEventListener('error', react, { signal: stop.signal }); stop.abort()", false)]
    [InlineData("notifier.addEventListener('error', null)", false)]
    [InlineData("notifier.addEventListener('error', react, { once: true })", true)]
    public async Task An_error_is_in_the_console_unless_a_listener_reads_it(string script, bool isHandled)
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4403, "not you");
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue(message.Text);

        await client.DoAsync(
            "globalThis.notifier = new Notifier(); const react = ({ detail }) => log.push(detail.message);"
            + $" notifier.addEventListener('state', ({{ detail }}) => log.push(detail.state)); {script}; notifier.channel('a', hear)");
        await client.LogsAsync("refused");
        await client.DoAsync("console.log('end')");

        await Eventually.IsAsync(() => console.Contains("end"), "the console shows the last line");
        string[] expected = isHandled ? ["end"] : ["Notifier: not you (4403)", "end"];
        console.Should().Equal(expected);
    }

    [Fact]
    public async Task A_refusal_without_a_reason_is_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4403, "");
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue(message.Text);

        await client.DoAsync("globalThis.notifier = new Notifier(); notifier.channel('a', hear)");

        await Eventually.IsAsync(() => !console.IsEmpty, "the console says something");
        console.Should().Equal("Notifier: no reason given (4403)");
    }

    [Fact]
    public async Task Frames_that_are_not_of_notifier_are_one_error_and_the_connection_goes_on()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier()); notifier.addEventListener('error', ({ detail }) => log.push(detail.message)); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        foreach (var text in new[] { "hello", "null", "17", "{}", "[]" })
            await connection.SendAsync(text);
        await connection.SendAsync(new { type = "message", channel = "a", data = "still here" });

        await client.LogsAsync("a: still here");
        (await client.LogAsync())[^3..].Should().Equal("error frame", "not a frame of Notifier: hello", "a: still here");
    }

    /// <summary>A browser takes longer delays for none.</summary>
    [Fact]
    public async Task A_server_that_asks_for_a_month_of_patience_is_not_asked_again_at_once()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        await connection.CloseAsync(4601, "retryAfter=2500000");
        await client.LogsAsync("state waiting");

        (await client.Page.EvaluateAsync<double>("Math.max(...delays)")).Should().Be(int.MaxValue);
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake) => await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
}
