using FluentAssertions;
using Notifier.Endpoints.Http;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The client's scripts are served without comments and white space and with short names, and are otherwise the same programs.</summary>
public sealed class CompactScriptTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("notifier.js")]
    [InlineData("notifier-elements.js")]
    public async Task A_served_client_script_is_its_file_with_other_names_and_without_comments(string file)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        var source = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "wwwroot-demo", file));

        var served = await http.GetStringAsync(new Uri(app.Address, file));

        var (written, compact) = (ScriptTree.Parse(source), ScriptTree.Parse(served));
        compact.Comments.Should().Be(0);
        compact.Nodes.Should().Equal(written.Nodes);
        compact.Punctuators.Should().Equal(written.Punctuators);
        // Each name has one short name, and the other way round, so what a name refers to is the same.
        compact.Names.Should().HaveSameCount(written.Names);
        var pairs = written.Names.Zip(compact.Names).Distinct().ToList();
        pairs.Select(static pair => pair.First).Should().OnlyHaveUniqueItems().And.NotBeEmpty();
        pairs.Select(static pair => pair.Second).Should().OnlyHaveUniqueItems();
        pairs.Where(pair => !written.Declared.Contains(pair.First)).Should().OnlyContain(static pair => pair.First == pair.Second, "the browser provides them");
        pairs.Where(static pair => pair.First != pair.Second).Should().OnlyContain(static pair => pair.Second.Length <= 3);
        served.Length.Should().BeLessThan(source.Length * 2 / 3);
    }

    [Theory]
    [InlineData("// one\n\n  let able; // two\n", "let a;")]
    [InlineData("/* one\n * two */ let able = 1 /* three */ + 2;\n", "let a=1+2;")]
    [InlineData("return /* a\n b */ able", "return\na")]
    [InlineData("a = `\n  // text ${ b /* no text */ + `// ${c}` + { d: '}' }.d }\n  /* text */`;\n", "a=`\n  // text ${b+`// ${c}`+{d:'}'}.d}\n  /* text */`;")]
    [InlineData("a = \"// text\" + '/* text \\' */'; // no text", "a=\"// text\"+'/* text \\' */';")]
    [InlineData("a = /[/`\"]\\/(ws|b)?$/.test(b) ? c / 2 : d / e; // `", "a= /[/`\"]\\/(ws|b)?$/.test(b)?c / 2:d / e;")]
    [InlineData("const f = () => /['//]/; // '\nreturn /\"/ // \"\n", "const a=()=> /['//]/;return /\"/")]
    [InlineData("this.#name = #other in a && `#${this.#name} #other`; b = '#name';", "this.#a=#b in a&&`#${this.#a} #other`;b='#name';")]
    [InlineData("class A {\n  #b = 1\n  get #c() { return - -1 + +1 }\n}\nnew A", "class a{#a=1\nget #b(){return- -1+ +1}}\nnew a")]
    [InlineData("a\n++b\nif (c) {\n  d()\n}\n[1].e\n`${f}`", "a\n++b\nif(c){d()}\n[1].e\n`${e}`")]
    [InlineData("if (able < !--bad) cold = 1 .dark", "if(a< !--b)c=1 .dark")]
    [InlineData("const { able, bad = able, cold: dark, ...even } = { able, cold: able ? bad : dark, even() { able() } };", "const{able:a,bad:b=a,cold:c,...d}={able:a,cold:a?b:c,even(){a()}};")]
    [InlineData("const able = ({ bad }, [cold]) => { able, bad\n  for (const { cold } of bad) cold.able?.bad(able) }", "const a=({bad:b},[c])=>{a,b\nfor(const{cold:c}of b)c.able?.bad(a)}")]
    [InlineData("class Able extends HTMLElement { bad = Able; static cold = bad; async dark() { dark() } get even() { return { even } } }", "class a extends HTMLElement{bad=a;static cold=b;async dark(){c()}get even(){return{even:d}}}")]
    public void Comments_white_space_and_long_names_disappear_but_text_and_properties_stay(string script, string compact) =>
        CompactScript.From(script).Should().Be(compact);
}
