using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Recipes;

/// <summary>The /token routes of docs/access.md as printed, in small applications, and the page that uses them.</summary>
/// <remarks>The route for ASP.NET Core: <see cref="Endpoints.AspNetCoreRecipeTests"/>.</remarks>
public sealed class TokenRouteTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Page = "access.md";
    private const string Secret = "a secret of the tests, at least 32 bytes";
    private const string Python = "/usr/bin/python3";

    private static readonly (string, string) Environment = ("NOTIFIER_SECRET", Secret);

    [Theory]
    [InlineData("Django")]
    [InlineData("Express")]
    [InlineData("Rails")]
    [InlineData("Laravel")]
    public async Task The_route_issues_a_token_for_the_names_of_a_visitor_who_is_logged_in(string framework)
    {
        await using var server = await StartAsync(framework);
        await using var app = await StartNotifierAsync();
        using var http = new HttpClient();
        var route = new Uri(server.Address, "token");

        using var nobody = await http.GetAsync(route);
        http.DefaultRequestHeaders.Add("Cookie", "user=42");
        using var somebody = await http.GetAsync(route);

        nobody.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        somebody.StatusCode.Should().Be(HttpStatusCode.OK, server.ToString());
        somebody.Content.Headers.ContentType!.MediaType.Should().Be("text/plain");
        somebody.Headers.CacheControl!.NoStore.Should().BeTrue();
        var token = await somebody.Content.ReadAsStringAsync();
        await using var client = await JsonClient.ConnectAsync(app, more: $", bearer.{token}");
        await client.SubscribeAsync("pattern", "user.42.*");
        var refusal = await client.AskAsync("""{"type":"subscribe","channel":"user.43.orders"}""");
        ((string?)refusal["message"]).Should().Be("not allowed: user.43.orders");
    }

    /// <summary>The page alone, and beside the one-line embed of docs/embedding.md.</summary>
    [Theory]
    [InlineData("PAGE")]
    [InlineData("<script async src='NOTIFIERnotifier.js'></script>PAGE")]
    [InlineData("PAGE<script async src='NOTIFIERnotifier.js' data-channel=news data-toast></script>")]
    public async Task The_page_receives_the_messages_of_the_visitor_who_is_logged_in(string html)
    {
        await using var server = await StartAsync("Express", "app.get('/', (req, res) => res.sendFile(`${process.cwd()}/page.html`));");
        await using var app = await StartNotifierAsync($"Access:AllowedOrigins:0={server.Address.GetLeftPart(UriPartial.Authority)}");
        await server.WriteAsync("page.html", PageOf(app, html));
        var page = await Unplugged.NewPageAsync(browser, server.Address, "42");
        var printed = new TaskCompletionSource<string>();
        page.Console += (_, message) => _ = message.Type == "log" && printed.TrySetResult(message.Text);
        await page.GotoAsync(server.Address.ToString());
        await Eventually.IsAsync(async () => await fixture.Redis.PatternsAsync() == 1, "the page has subscribed");

        await fixture.Redis.PublishAsync("user.42.orders", "shipped");

        (await printed.Task.WaitAsync(Eventually.Limit)).Should().Be("shipped");
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_page_of_a_visitor_who_is_logged_out_is_that_of_an_anonymous_visitor()
    {
        await using var server = await StartAsync("Express", "app.get('/', (req, res) => res.sendFile(`${process.cwd()}/page.html`));");
        await using var app = await StartNotifierAsync(
            $"Access:AllowedOrigins:0={server.Address.GetLeftPart(UriPartial.Authority)}", "Access:Anonymous:Subscribe:0=user.42.*");
        await server.WriteAsync("page.html", PageOf(app, "PAGE"));
        var page = await Unplugged.NewPageAsync(browser, server.Address, user: null);
        var warnings = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "warning")
                warnings.Add(message.Text);
        };

        await page.GotoAsync(server.Address.ToString());

        await Eventually.IsAsync(async () => await fixture.Redis.PatternsAsync() == 1, "the page has subscribed");
        warnings.Should().BeEmpty();
        await page.CloseAsync();
    }

    private static string PageOf(NotifierApp app, string html) => "<!doctype html><title>Shop</title>" + html
        .Replace("PAGE", CodeBlock.Under(Page, "3. The page").Single().Text.Replace("https://notifier.example.com/", "NOTIFIER", StringComparison.Ordinal), StringComparison.Ordinal)
        .Replace("https://notifier.example.com", "NOTIFIER", StringComparison.Ordinal)
        .Replace("NOTIFIER", app.Address.ToString(), StringComparison.Ordinal);

    private Task<NotifierApp> StartNotifierAsync(params string[] settings) => NotifierApp.StartAsync(
        fixture.Redis.Configuration,
        settings: ["environment=Production", $"Access:Tokens:Secret={Secret}", "Access:Tokens:Audience=notifier", .. settings]);

    private static async Task<RecipeServer> StartAsync(string framework, string more = "")
    {
        var route = CodeBlock.Under(Page, framework).Single().Text;
        var server = new RecipeServer();
        switch (framework)
        {
            case "Django":
                await Shell.RunAsync(server.Folder, Python, "-m", "django", "startproject", "shop", ".");
                server.Copy("django", "shop");
                await server.WriteAsync("shop/views.py", route);
                await server.StartAsync(Python, ["manage.py", "runserver", "--noreload", $"127.0.0.1:{server.Port}"], Environment);
                break;
            case "Express":
                server.Copy("express");
                await NodePackages.LinkAsync(server.Folder);
                await File.AppendAllTextAsync(Path.Combine(server.Folder, "shop.mjs"), $"{route}\n{more}\n");
                await server.StartAsync("node", ["shop.mjs", $"{server.Port}"], Environment);
                break;
            case "Rails":
                server.Copy("rails");
                await server.WriteAsync("tokens_controller.rb", route);
                await server.StartAsync("ruby", ["shop.rb", $"{server.Port}"], Environment);
                break;
            default:
                server.Copy("laravel");
                await server.WriteAsync("web.php", $"<?php\n{route}");
                await server.StartAsync("php", ["-S", $"127.0.0.1:{server.Port}", "index.php"], Environment);
                break;
        }
        return server;
    }
}
