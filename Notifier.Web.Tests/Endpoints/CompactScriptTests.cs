using Acornima;
using FluentAssertions;
using Notifier.Endpoints.Http;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The client's scripts are served without comments and indentation and with short private names, and are otherwise the same programs.</summary>
public sealed class CompactScriptTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("notifier.js")]
    [InlineData("notifier-elements.js")]
    public async Task A_served_client_script_has_the_same_tokens_as_its_file_and_no_comments(string file)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        var source = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "wwwroot-demo", file));

        var served = await http.GetStringAsync(new Uri(app.Address, file));

        var (tokens, comments) = Parse(served);
        comments.Should().Be(0);
        var written = Parse(source).Tokens;
        tokens.Where(IsNotPrivate).Should().Equal(written.Where(IsNotPrivate));
        // Each private name has one short name, and the other way round.
        var pairs = written.Zip(tokens).Where(static pair => !IsNotPrivate(pair.First)).Select(static pair => (Long: pair.First.Text, Short: pair.Second.Text)).Distinct().ToList();
        tokens.Should().HaveSameCount(written);
        pairs.Select(static pair => pair.Long).Should().OnlyHaveUniqueItems().And.NotBeEmpty();
        pairs.Select(static pair => pair.Short).Should().OnlyHaveUniqueItems().And.OnlyContain(static name => name.Length <= 3 && name[0] == '#');

        static bool IsNotPrivate((string Text, bool IsAfterBreak) token) => !token.Text.StartsWith('#');
        served.Length.Should().BeLessThan(source.Length * 9 / 10);
    }

    [Theory]
    [InlineData("// one\n\n  let a; // two\n", "let a;\n")]
    [InlineData("/* one\n * two */ let a = 1 /* three */ + 2;\n", "let a = 1 + 2;\n")]
    [InlineData("return /* a\n b */ a", "return\na")]
    [InlineData("a = `\n  // text ${ b /* no text */ + `// ${c}` + { d: '}' }.d }\n  /* text */`;\n", "a = `\n  // text ${ b + `// ${c}` + { d: '}' }.d }\n  /* text */`;\n")]
    [InlineData("a = \"// text\" + '/* text \\' */'; // no text", "a = \"// text\" + '/* text \\' */';")]
    [InlineData("a = /[/`\"]\\/(ws|b)?$/.test(b) ? c / 2 : d / e; // `", "a = /[/`\"]\\/(ws|b)?$/.test(b) ? c / 2 : d / e;")]
    [InlineData("const f = () => /['//]/; // '\nreturn /\"/ // \"\n", "const f = () => /['//]/;\nreturn /\"/\n")]
    [InlineData("this.#name = #other in a && `#${this.#name} #other`; b = '#name';", "this.#a = #b in a && `#${this.#a} #other`; b = '#name';")]
    public void Comments_indentation_and_long_private_names_disappear_but_text_in_literals_stays(string script, string compact) =>
        CompactScript.From(script).TrimEnd(' ').Should().Be(compact);

    /// <summary>The text of each token, and whether a line break, which may end a statement, is before it.</summary>
    private static (List<(string Text, bool IsAfterBreak)> Tokens, int Comments) Parse(string script)
    {
        var tokens = new List<(string, bool)>();
        var (end, comments) = (0, 0);
        new Parser(new ParserOptions
        {
            OnComment = (in Comment _) => comments++,
            OnToken = (in Token token) =>
            {
                tokens.Add((script[token.Start..token.End], end > 0 && script[end..token.Start].Contains('\n')));
                end = token.End;
            },
        }).ParseScript(script);
        return (tokens, comments);
    }
}
